#include "host/linux/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "spec/text.h"

/* ---- options -------------------------------------------------------------------- */

struct attribute { /* set and cleared as mount attributes and as MS_ flags */
  const char *name;
  uint64_t set, clear;
  unsigned long flags, without;
};

static const struct attribute attributes[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0, MS_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY, 0, MS_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0, MS_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID, 0, MS_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0, MS_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV, 0, MS_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0, MS_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC, 0, MS_NOEXEC},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, MS_NOATIME, MS_RELATIME | MS_STRICTATIME},
    {"relatime", 0, MOUNT_ATTR__ATIME, MS_RELATIME, MS_NOATIME | MS_STRICTATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, MS_STRICTATIME, MS_NOATIME | MS_RELATIME},
    {"atime", 0, MOUNT_ATTR__ATIME, 0, MS_NOATIME},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0, MS_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME, 0, MS_NODIRATIME},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0, MS_NOSYMFOLLOW, 0},
    /* Of the superblock: mount(2) alone knows them. */
    {"sync", 0, 0, MS_SYNCHRONOUS, 0},
    {"async", 0, 0, 0, MS_SYNCHRONOUS},
    {"dirsync", 0, 0, MS_DIRSYNC, 0},
    {"defaults", 0, 0, 0, 0},
    {"norelatime", 0, 0, 0, MS_RELATIME},
    {"nostrictatime", 0, 0, 0, MS_STRICTATIME},
};

static bool parse_attribute(const char *option, struct hp_mount_options *parsed) {
  for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
    const struct attribute *a = &attributes[i];
    if (strcmp(a->name, option) != 0)
      continue;
    parsed->set = (parsed->set & ~a->clear) | a->set;
    parsed->clear = (parsed->clear & ~a->set) | a->clear;
    parsed->flags = (parsed->flags & ~a->without) | a->flags;
    return true;
  }
  return false;
}

static bool parse_propagation(const char *option, struct hp_mount_options *parsed) {
  static const struct {
    const char *name;
    uint64_t propagation;
  } names[] = {
      {"private", MS_PRIVATE}, {"slave", MS_SLAVE}, {"shared", MS_SHARED}, {"unbindable", MS_UNBINDABLE}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    bool recursive = option[0] == 'r' && strcmp(option + 1, names[i].name) == 0;
    if (!recursive && strcmp(option, names[i].name) != 0)
      continue;
    parsed->propagation = names[i].propagation;
    parsed->propagate_recursive = recursive;
    return true;
  }
  return false;
}

int hp_mount_options_parse(const struct hp_strings *options, struct hp_mount_options *parsed,
                           struct hp_error *err) {
  *parsed = (struct hp_mount_options){0};
  for (size_t i = 0; i < options->count; i++) {
    const char *option = options->items[i];
    if (hp_text_is_among(option, "bind\0rbind\0")) {
      parsed->bind = true;
      parsed->recursive = option[0] == 'r';
    } else if (strcmp(option, "rro") == 0) {
      parsed->recursive_set |= MOUNT_ATTR_RDONLY;
    } else if (hp_text_is_among(option, "remount\0loop\0")) {
      hp_mount_options_clear(parsed);
      return hp_error_set(err, HP_INVALID_ARGUMENT,
                          "the mount option \"%s\" is not supported; mount it on the host and bind that",
                          option);
    } else if (!parse_attribute(option, parsed) && !parse_propagation(option, parsed) && *option) {
      char *data = parsed->data ? hp_printf("%s,%s", parsed->data, option) : hp_strdup(option);
      free(parsed->data);
      parsed->data = data;
    }
  }
  return 0;
}

void hp_mount_options_clear(struct hp_mount_options *parsed) {
  free(parsed->data);
  *parsed = (struct hp_mount_options){0};
}

/* ---- detached mounts --------------------------------------------------------------- */

static int set_attributes(int mount, uint64_t set, uint64_t clear, bool recursive) {
  struct mount_attr attr = {.attr_set = set, .attr_clr = clear};
  unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u);
  return set || clear ? mount_setattr(mount, "", flags, &attr, sizeof attr) : 0;
}

static int set_propagation(int mount, uint64_t propagation, bool recursive) {
  struct mount_attr attr = {.propagation = propagation};
  unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u);
  return mount_setattr(mount, "", flags, &attr, sizeof attr);
}

/* A clone is a peer of what it was cloned from: what is mounted in one would
 * appear in the other. So it is private unless the options say otherwise. */
static int set_options(int mount, const struct hp_mount_options *options) {
  uint64_t propagation = options->propagation ? options->propagation : MS_PRIVATE;
  if (set_propagation(mount, propagation, options->propagate_recursive || !options->propagation) != 0)
    return -1;
  if (set_attributes(mount, options->recursive_set, 0, true) != 0)
    return -1;
  return set_attributes(mount, options->set, options->clear, false);
}

int hp_mount_clone(int fd, const struct hp_mount_options *options, struct hp_error *err) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
  int mount = open_tree(fd, "", flags | (options->recursive ? AT_RECURSIVE : 0u));
  if (mount < 0) {
    hp_error_set_os(err, errno, "cannot take it as the source of a bind mount");
    return -1;
  }
  if (set_options(mount, options) == 0)
    return mount;
  hp_error_set_os(err, errno, "cannot set the options of a bind mount (kernel 5.12 or later is needed)");
  close(mount);
  return -1;
}

int hp_mount_twin(int fd, struct hp_error *err) {
  int twin = open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
  if (twin < 0)
    hp_error_set_os(err, errno, "cannot mount it a second time, below the container volume");
  return twin;
}

/* The file system's own parameters, one by one; data is cut apart. */
static int configure(int context, char *data) {
  char *rest = data;
  for (char *item; (item = strsep(&rest, ",")) != NULL;) {
    char *value = strchr(item, '=');
    if (value)
      *value++ = 0;
    if (*item && fsconfig(context, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, item, value, 0) != 0)
      return -1;
  }
  return 0;
}

int hp_mount_new(const char *type, const char *source, const struct hp_mount_options *options,
                 struct hp_error *err) {
  char *data = hp_strdup(options->data ? options->data : "");
  int mount = -1, context = fsopen(type, FSOPEN_CLOEXEC);
  if (context < 0 || (source && fsconfig(context, FSCONFIG_SET_STRING, "source", source, 0) != 0) ||
      configure(context, data) != 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0 ||
      (mount = fsmount(context, FSMOUNT_CLOEXEC, (unsigned)(options->set | options->recursive_set))) < 0)
    hp_error_set_os(err, errno, "cannot mount a file system of type \"%s\" with options \"%s\"", type,
                    options->data ? options->data : "");
  if (mount >= 0 && options->propagation && set_propagation(mount, options->propagation, false) != 0) {
    hp_error_set_os(err, errno, "cannot set the propagation of a \"%s\"", type);
    close(mount);
    mount = -1;
  }
  if (context >= 0)
    close(context);
  free(data);
  return mount;
}

int hp_mount_attach(int mount, int target, struct hp_error *err) {
  if (move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
    return hp_error_set_os(err, errno, "cannot attach a mount");
  return 0;
}

int hp_mount_read_only(int mount, struct hp_error *err) {
  if (set_attributes(mount, MOUNT_ATTR_RDONLY, 0, false) != 0)
    return hp_error_set_os(err, errno, "cannot make a mount read-only");
  return 0;
}

/* ---- mount(2) -------------------------------------------------------------------------- */

/* The directory that all of the colon-separated absolute paths are in: the
 * length of its path with the final slash, 0 if there is none but "/". */
static size_t common_directory(const char *list) {
  size_t common = strcspn(list, ":");
  for (const char *path = list; *path;) {
    size_t length = strcspn(path, ":"), same = 0;
    while (same < length && same < common && path[same] == list[same])
      same++;
    common = same;
    path += length + (path[length] == ':');
  }
  while (common > 0 && list[common - 1] != '/')
    common--;
  return common > 1 ? common : 0;
}

/* Replaces lowerdir's paths by ones relative to *directory (owned). Returns the
 * new data (owned), or NULL where there is nothing to shorten. */
static char *shorten_lower(const char *data, char **directory) {
  static const char key[] = "lowerdir=";
  const char *found = strncmp(data, key, sizeof key - 1) == 0 ? data : strstr(data, ",lowerdir=");
  if (!found || strchr(found, '\\')) /* escaped colons: left alone */
    return NULL;
  found += *found == ',';
  const char *lower = found + sizeof key - 1;
  size_t length = strcspn(lower, ",");
  char *list = hp_strndup(lower, length);
  size_t common = list[0] == '/' ? common_directory(list) : 0;
  char *whole = NULL;
  if (common > 0) {
    *directory = hp_strndup(list, common);
    char *shorter = hp_alloc(length + 1), *out = shorter;
    for (const char *path = list; *path;) {
      size_t end = strcspn(path, ":");
      size_t copied = end - common + (path[end] == ':');
      memcpy(out, path + common, copied);
      out += copied;
      path += end + (path[end] == ':');
    }
    whole = hp_printf("%.*s%s%s", (int)(lower - data), data, shorter, lower + length);
    free(shorter);
  }
  free(list);
  return whole;
}

int hp_mount_classic(const char *type, const char *source, int target, const struct hp_mount_options *options,
                     struct hp_error *err) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *directory = NULL, *shorter = NULL, where[64];
  const char *data = options->data;
  int result = -1;
  snprintf(where, sizeof where, "/proc/self/fd/%d", target);
  if (data && strlen(data) >= page && strcmp(type, "overlay") == 0) {
    shorter = shorten_lower(data, &directory);
    data = shorter ? shorter : data;
  }
  if (data && strlen(data) >= page) {
    hp_error_set(err, HP_FAILED_PRECONDITION,
                 "the options of a \"%s\" mount are %zu bytes long, %zu are possible", type, strlen(data),
                 page - 1);
    goto done;
  }
  if (directory && chdir(directory) != 0) {
    hp_error_set_os(err, errno, "cannot enter \"%s\"", directory);
    goto done;
  }
  result = mount(source, where, type, options->flags, data);
  if (result != 0)
    hp_error_set_os(err, errno, "cannot mount \"%s\" (type \"%s\", options \"%.512s\")", source, type,
                    data ? data : "");
  if (directory && chdir("/") != 0 && result == 0)
    result = hp_error_set_os(err, errno, "cannot return to \"/\"");

done:
  free(directory);
  free(shorter);
  return result;
}
