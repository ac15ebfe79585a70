/* The throwaway host of generated specifications. Included by one file a program. */
#ifndef HP_TESTS_UNIT_GENERATED_HOST_LINUX_H
#define HP_TESTS_UNIT_GENERATED_HOST_LINUX_H

#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "generated_spec.h"
#include "host/ledger.h"
#include "host/linux/cgroup_layout.h"
#include "host/linux/cgroup_path.h"
#include "throwaway_host.h"

static inline const char *generated_host_missing(void) {
  return throwaway_host_missing();
}

static inline void generated_host_enter(struct generator *g) {
  static char token[64];
  throwaway_host_enter();
  snprintf(token, sizeof token, "%d%llx", (int)getpid(), (unsigned long long)uv_hrtime());
  g->scratch = "/scratch";
  g->token = token;
  write_file("/etc/group", "root:x:0:\nhpc-group:x:4242:\ngr\xc3\xb6\xc3\x9f"
                           "e:x:4243:\n");
  write_file("/etc/passwd", "root:x:0:0::/:/bin/sh\njoe:x:4244:4242::/:/bin/sh\n");
  make_directories("/hpc"); /* stays by contract, once there was a container */
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/scratch/socket"};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  close(fd);
}

static inline void generated_host_leave(const struct generator *g) {
  (void)g;
}

static inline void generated_host_prepare(struct generator *g) {
  (void)g;
  make_directories("/scratch/places/linked");
  ck_assert_int_eq(symlink("data", "/scratch/sources/link"), 0);
  ck_assert_int_eq(symlink("linked", "/scratch/places/link"), 0);
}

/* The control groups whose names have the token, and the namespace's. */
static inline void list_cgroups(const char *token, struct hp_strings *lines) {
  struct hp_cgroup_layout layout;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_cgroup_layout_read(&layout, &err), 0);
  for (size_t i = 0; i < layout.count; i++) {
    char *own = hp_printf("%s" HP_CGROUP_OWN "/generated-%s", layout.items[i].mount, token);
    generator_list_tree(own, lines);
    free(own);
    DIR *top = opendir(layout.items[i].mount);
    ck_assert_ptr_nonnull(top);
    for (struct dirent *entry; (entry = readdir(top)) != NULL;)
      if (strstr(entry->d_name, token))
        hp_strings_take(lines, hp_printf("%s/%s", layout.items[i].mount, entry->d_name));
    closedir(top);
  }
  hp_cgroup_layout_clear(&layout);
}

static inline void list_mounts(struct hp_strings *lines) {
  FILE *file = fopen("/proc/self/mountinfo", "re");
  char line[4096], point[4096];
  ck_assert_ptr_nonnull(file);
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "%*s %*s %*s %*s %4095s", point) == 1)
      hp_strings_take(lines, hp_printf("mount %s", point));
  fclose(file);
}

static inline void list_descriptors(struct hp_strings *lines) {
  DIR *own = opendir("/proc/self/fd");
  unsigned count = 0;
  while (readdir(own))
    count++;
  closedir(own);
  hp_strings_take(lines, hp_printf("%u descriptors", count));
}

static inline void generated_host_list(const struct generator *g, struct hp_strings *lines) {
  generator_list_tree("/hpc", lines);
  generator_list_tree("/var/hp-new", lines);
  generator_list_tree("/var/hp-odd", lines);
  list_mounts(lines);
  list_descriptors(lines);
  list_cgroups(g->token, lines);
}

#endif
