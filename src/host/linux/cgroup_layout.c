#include "host/linux/cgroup_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "host/linux/cgroup_tree.h"

static const struct {
  unsigned bit;
  const char *v1, *v2; /* NULL: that version has none */
} names[] = {
    {HP_CONTROLLER_CPU, "cpu", "cpu"},          {HP_CONTROLLER_CPUACCT, "cpuacct", NULL},
    {HP_CONTROLLER_CPUSET, "cpuset", "cpuset"}, {HP_CONTROLLER_MEMORY, "memory", "memory"},
    {HP_CONTROLLER_IO, "blkio", "io"},          {HP_CONTROLLER_PIDS, "pids", "pids"},
    {HP_CONTROLLER_FREEZER, "freezer", NULL},   {HP_CONTROLLER_SYSTEMD, "name=systemd", NULL},
};
static const size_t name_count = sizeof names / sizeof names[0];

static const char *mountinfo_path = "/proc/self/mountinfo";
static atomic_uint found_version; /* 0: not yet looked for */

static const char *name_of(unsigned version, size_t index) {
  return version == 2 ? names[index].v2 : names[index].v1;
}

const char *hp_controller_name(unsigned version, unsigned controller) {
  for (size_t i = 0; i < name_count; i++)
    if (names[i].bit == controller && name_of(version, i) != NULL)
      return name_of(version, i);
  return "unknown";
}

unsigned hp_controllers_parse(unsigned version, const char *list, const char *separators) {
  unsigned bits = 0;
  while (*list != '\0') {
    size_t length = strcspn(list, separators);
    for (size_t i = 0; i < name_count; i++) {
      const char *name = name_of(version, i);
      if (name != NULL && strlen(name) == length && strncmp(name, list, length) == 0)
        bits |= names[i].bit;
    }
    list += length;
    list += strspn(list, separators);
  }
  return bits;
}

char *hp_controllers_format(unsigned version, unsigned controllers) {
  char *out = hp_strdup("");
  for (size_t i = 0; i < name_count; i++) {
    if ((controllers & names[i].bit) == 0 || name_of(version, i) == NULL)
      continue;
    char *longer = hp_printf("%s%s%s", out, *out ? "," : "", name_of(version, i));
    free(out);
    out = longer;
  }
  return out;
}

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static void unescape(char *text) {
  char *to = text;
  for (const char *from = text; *from != '\0'; to++) {
    if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' &&
        from[3] >= '0' && from[3] <= '7') {
      *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
      from += 4;
    } else {
      *to = *from++;
    }
  }
  *to = '\0';
}

struct mount_line {
  char *point, *type, *options; /* parts of the line */
};

/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG…] - TYPE SOURCE SUPEROPTIONS" */
static bool split_line(char *line, struct mount_line *mount) {
  char *saved = NULL, *field = strtok_r(line, " \n", &saved);
  for (int i = 0; i < 4 && field != NULL; i++)
    field = strtok_r(NULL, " \n", &saved);
  mount->point = field;
  while (field != NULL && strcmp(field, "-") != 0)
    field = strtok_r(NULL, " \n", &saved);
  mount->type = strtok_r(NULL, " \n", &saved);
  strtok_r(NULL, " \n", &saved); /* the source says nothing */
  mount->options = strtok_r(NULL, " \n", &saved);
  return field != NULL && mount->type != NULL && mount->options != NULL;
}

static unsigned all_controllers(const struct hp_cgroup_layout *layout) {
  unsigned bits = 0;
  for (size_t i = 0; i < layout->count; i++)
    bits |= layout->items[i].controllers;
  return bits;
}

static void take_v1(struct hp_cgroup_layout *layout, const struct mount_line *mount) {
  unsigned controllers = hp_controllers_parse(1, mount->options, ",");
  if (controllers == 0 || (controllers & all_controllers(layout)) != 0 || layout->count == HP_CGROUP_V1_MAX)
    return; /* of no use to us, or mounted a second time */
  unescape(mount->point);
  layout->items[layout->count].mount = hp_strdup(mount->point);
  layout->items[layout->count++].controllers = controllers;
}

static unsigned read_unified(const char *point) {
  int directory = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return 0;
  char *list = hp_cgroup_read(directory, "cgroup.controllers");
  unsigned controllers = list != NULL ? hp_controllers_parse(2, list, " \n") : 0;
  free(list);
  hp_close(directory);
  return controllers;
}

static void choose(struct hp_cgroup_layout *layout, char **unified) {
  if (*unified == NULL)
    return;
  unsigned controllers = read_unified(*unified), needed = HP_CONTROLLER_MEMORY | HP_CONTROLLER_CPU;
  unsigned v1 = all_controllers(layout) & ~(unsigned)HP_CONTROLLER_SYSTEMD;
  if (v1 != 0 && (controllers & needed) != needed)
    return;
  hp_cgroup_layout_clear(layout);
  layout->version = 2;
  layout->items[0].mount = *unified;
  layout->items[0].controllers = controllers;
  layout->count = 1;
  *unified = NULL;
}

int hp_cgroup_layout_read(struct hp_cgroup_layout *layout, struct hp_error *err) {
  *layout = (struct hp_cgroup_layout){.version = 1};
  FILE *file = fopen(mountinfo_path, "re");
  if (file == NULL)
    return hp_error_set_os(err, errno, "cannot read %s to find the cgroup hierarchies", mountinfo_path);
  char *line = NULL, *unified = NULL;
  size_t size = 0;
  while (getline(&line, &size, file) > 0) {
    struct mount_line mount;
    if (!split_line(line, &mount))
      continue;
    if (strcmp(mount.type, "cgroup") == 0)
      take_v1(layout, &mount);
    if (strcmp(mount.type, "cgroup2") == 0 && unified == NULL) {
      unescape(mount.point);
      unified = hp_strdup(mount.point);
    }
  }
  free(line);
  fclose(file);
  choose(layout, &unified);
  free(unified);
  if (layout->count == 0)
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "no cgroup hierarchy is mounted (see %s): mount cgroup2 on /sys/fs/cgroup",
                        mountinfo_path);
  return 0;
}

void hp_cgroup_layout_clear(struct hp_cgroup_layout *layout) {
  for (size_t i = 0; i < layout->count; i++)
    free(layout->items[i].mount);
  *layout = (struct hp_cgroup_layout){.version = layout->version};
}

unsigned hp_cgroup_version(void) {
  unsigned version = atomic_load(&found_version);
  if (version != 0)
    return version;
  struct hp_cgroup_layout layout;
  struct hp_error ignored = HP_ERROR_INIT;
  version = hp_cgroup_layout_read(&layout, &ignored) == 0 ? layout.version : 2;
  hp_error_clear(&ignored);
  hp_cgroup_layout_clear(&layout);
  atomic_store(&found_version, version);
  return version;
}

void hp_cgroup_layout_from(const char *mountinfo) {
  mountinfo_path = mountinfo != NULL ? mountinfo : "/proc/self/mountinfo";
  atomic_store(&found_version, 0);
}
