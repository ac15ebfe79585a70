/* The environment of a process: what Windows gives the account, then the spec's. */
#include <stdlib.h>
#include <string.h>
#include <userenv.h>

#include "host/windows/launch.h"
#include "host/windows/text.h"

static void read_block(const wchar_t *block, struct hp_strings *out) {
  for (; *block; block += wcslen(block) + 1)
    hp_strings_take(out, hp_narrow(block));
}

int hp_environment(HANDLE token, const struct hp_strings *env, const struct hp_command_windows_host *host,
                   struct hp_strings *out, struct hp_error *err) {
  HANDLE own = NULL;
  void *block = NULL;
  struct hp_strings base = {0};
  int result = -1;
  if (!token && !OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY | TOKEN_DUPLICATE, &own)) {
    hp_error_set_os(err, (int)GetLastError(), "OpenProcessToken of the shim");
    goto done;
  }
  if (!CreateEnvironmentBlock(&block, token ? token : own, FALSE)) {
    hp_error_set_os(err, (int)GetLastError(), "CreateEnvironmentBlock of the container's account");
    goto done;
  }
  read_block(block, &base);
  hp_command_windows_environment(&base, env, host, out);
  result = 0;
done:
  if (block)
    DestroyEnvironmentBlock(block);
  if (own)
    CloseHandle(own);
  hp_strings_clear(&base);
  return result;
}

wchar_t *hp_environment_block(const struct hp_strings *env) {
  size_t length = 2;
  for (size_t i = 0; i < env->count; i++)
    length += hp_command_windows_length(env->items[i]) + 1;
  wchar_t *block = hp_alloc(length * sizeof *block), *end = block;
  for (size_t i = 0; i < env->count; i++) {
    wchar_t *entry = hp_wide(env->items[i]);
    size_t units = wcslen(entry) + 1;
    memcpy(end, entry, units * sizeof *end);
    end += units;
    free(entry);
  }
  return block;
}
