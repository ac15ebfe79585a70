#include "host/linux/cgroup_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

#define FILE_MAX (32u << 20) /* cgroup.procs of four million processes */

void hp_close(int descriptor) {
  int saved = errno;
  if (descriptor >= 0)
    close(descriptor);
  errno = saved;
}

static char *read_all(int file) {
  size_t room = 4096, used = 0;
  char *text = hp_realloc_array(NULL, room, 1);
  for (;;) {
    ssize_t got = read(file, text + used, room - used - 1);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      break;
    used += (size_t)got;
    if (got == 0) {
      text[used] = '\0';
      return text;
    }
    if (used + 1 < room)
      continue;
    if (room >= FILE_MAX) {
      errno = EFBIG;
      break;
    }
    room *= 2;
    text = hp_realloc_array(text, room, 1);
  }
  int saved = errno;
  free(text);
  errno = saved;
  return NULL;
}

char *hp_cgroup_read(int directory, const char *file) {
  int descriptor = openat(directory, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0)
    return NULL;
  char *text = read_all(descriptor);
  hp_close(descriptor);
  return text;
}

int hp_cgroup_write(int directory, const char *file, const char *value) {
  int descriptor = openat(directory, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0)
    return -1;
  size_t length = strlen(value);
  ssize_t put;
  do
    put = write(descriptor, value, length);
  while (put < 0 && errno == EINTR);
  hp_close(descriptor);
  if (put >= 0 && (size_t)put != length)
    errno = EIO;
  return put >= 0 && (size_t)put == length ? 0 : -1;
}

static bool parse_number(const char *text, uint64_t *value) {
  if (strncmp(text, "max", 3) == 0) {
    *value = UINT64_MAX;
    return true;
  }
  if (*text < '0' || *text > '9')
    return false;
  errno = 0;
  *value = strtoull(text, NULL, 10);
  return errno == 0;
}

bool hp_cgroup_read_number(int directory, const char *file, uint64_t *value) {
  char *text = hp_cgroup_read(directory, file);
  bool found = text != NULL && parse_number(text, value);
  free(text);
  return found;
}

bool hp_cgroup_find(const char *text, const char *key, uint64_t *value) {
  size_t length = strlen(key);
  for (const char *line = text; line != NULL && *line != '\0';) {
    if (strncmp(line, key, length) == 0 && line[length] == ' ')
      return parse_number(line + length + 1, value);
    line = strchr(line, '\n');
    line = line != NULL ? line + 1 : NULL;
  }
  return false;
}

uint64_t hp_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void hp_sleep_ms(unsigned ms) {
  struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  while (nanosleep(&left, &left) < 0 && errno == EINTR)
    ;
}
