#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host.h"

static bool is_containerd(const char *pid) {
  char *path = hp_printf("/proc/%s/comm", pid), name[32] = "";
  FILE *file = fopen(path, "re");
  if (file && !fgets(name, sizeof name, file))
    name[0] = 0;
  if (file)
    fclose(file);
  free(path);
  return strcmp(name, "containerd\n") == 0;
}

static void describe(const char *pid, struct host_containerd *containerd) {
  char *directory = hp_printf("/proc/%s", pid), *link = hp_printf("/proc/%s/exe", pid), target[PATH_MAX];
  struct stat st;
  ssize_t length = readlink(link, target, sizeof target - 1);
  containerd->pid = (uint32_t)strtoul(pid, NULL, 10);
  if (stat(directory, &st) == 0) {
    containerd->account = hp_printf("%u", (unsigned)st.st_uid);
    containerd->privileged = st.st_uid == 0;
  }
  if (length > 0) {
    target[length] = 0;
    containerd->program = hp_strdup(target);
  }
  free(link);
  free(directory);
}

void host_find_containerd(struct host_containerd *containerd) {
  *containerd = (struct host_containerd){0};
  DIR *list = opendir("/proc");
  for (struct dirent *entry; list && containerd->pid == 0 && (entry = readdir(list));)
    if (entry->d_name[strspn(entry->d_name, "0123456789")] == 0 && is_containerd(entry->d_name))
      describe(entry->d_name, containerd);
  if (list)
    closedir(list);
}

void host_containerd_clear(struct host_containerd *containerd) {
  free(containerd->account);
  free(containerd->program);
  *containerd = (struct host_containerd){0};
}
