/* The machine of winsim for generated specifications. Included by one file a program. */
#ifndef HP_TESTS_UNIT_GENERATED_HOST_WINDOWS_H
#define HP_TESTS_UNIT_GENERATED_HOST_WINDOWS_H

#include "generated_spec.h"
#include "scratch_windows.h"
#include "winsim/winsim.h"

static inline const char *generated_host_missing(void) {
  return NULL;
}

static inline void generated_host_enter(struct generator *g) {
  static char token[32];
  winsim_reset();
  scratch_make();
  char *path = hp_narrow(scratch);
  for (char *c = path; *c; c++)
    if (*c == '\\')
      *c = '/';
  snprintf(token, sizeof token, "%lu", (unsigned long)GetCurrentProcessId());
  g->scratch = path; /* freed by generated_host_leave */
  g->token = token;
  winsim_add_alias(L"hpc-group");
  winsim_add_alias(L"gr\u00f6\u00dfe");
  winsim_add_user(NULL, L"joe");
  make_file_in_scratch(L"socket", "");
  wchar_t *socket = in_scratch(L"socket");
  winsim_add_socket(socket);
  free(socket);
  CreateDirectoryW(L"C:\\hpc", NULL); /* stays by contract, once there was a container */
}

static inline void generated_host_leave(const struct generator *g) {
  free((char *)(uintptr_t)g->scratch);
  scratch_remove();
}

/* What the host can do may differ. (No links: Wine cannot make them.) */
static inline void generated_host_prepare(struct generator *g) {
  winsim_set_fair_share(generator_pick(g, 8) == 0);
}

static inline void generated_host_list(const struct generator *g, struct hp_strings *lines) {
  (void)g;
  generator_list_tree("C:/hpc", lines);
  generator_list_tree("C:/hp-new", lines);
  hp_strings_take(lines, winsim_left());
}

#endif
