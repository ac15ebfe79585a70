#include "host/linux/volume_rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/crash.h"
#include "host/linux/walk.h"
#include "spec/text.h"

#define PARTS_MAX 256

/* On the host's own system a setuid program of the image would be root's whatever
 * the container's account is, and its device nodes the host's devices. */
static void take_privileges(struct hp_mount_options *options) {
  const uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  options->set |= attributes;
  options->recursive_set |= attributes;
  options->clear &= ~attributes;
  options->flags |= MS_NOSUID | MS_NODEV;
}

static int list_root_path(const struct host_container_request *request, struct hp_rootfs *rootfs,
                          struct hp_error *err) {
  const char *path = request->spec->root_path;
  if (!path || !*path)
    return hp_error_set(
        err, HP_INVALID_ARGUMENT,
        "root.path is missing, and the Create request brings no rootfs mounts: a container needs "
        "one of them for its volume");
  rootfs->root = path[0] == '/' ? hp_strdup(path) : hp_printf("%s/%s", request->bundle, path);
  if (access(rootfs->root, F_OK) != 0) {
    hp_error_set_os(err, errno, "root.path \"%s\"", rootfs->root);
    return hp_error_recode(err, HP_INVALID_ARGUMENT);
  }
  rootfs->parts = hp_alloc(sizeof *rootfs->parts);
  rootfs->parts[0] = (struct hp_rootfs_part){
      .type = "bind", .source = rootfs->root, .options = {.bind = true, .recursive = true}, .fd = -1};
  rootfs->count = 1;
  take_privileges(&rootfs->parts[0].options);
  return 0;
}

int hp_rootfs_list(const struct host_container_request *request, struct hp_rootfs *rootfs,
                   struct hp_error *err) {
  *rootfs = (struct hp_rootfs){0};
  int result = 0;
  if (request->rootfs_count == 0) {
    result = list_root_path(request, rootfs, err);
  } else if (request->rootfs_count > PARTS_MAX) {
    result = hp_error_set(err, HP_INVALID_ARGUMENT, "rootfs has %zu mounts, at most %d are possible",
                          request->rootfs_count, PARTS_MAX);
  } else {
    rootfs->parts = hp_realloc_array(NULL, request->rootfs_count, sizeof *rootfs->parts);
    for (size_t i = 0; i < request->rootfs_count && result == 0; i++) {
      const struct host_rootfs_mount *mount = &request->rootfs[i];
      struct hp_rootfs_part *part = &rootfs->parts[rootfs->count++];
      *part = (struct hp_rootfs_part){.type = mount->type ? mount->type : "",
                                      .source = mount->source ? mount->source : "",
                                      .target = mount->target,
                                      .fd = -1};
      result = hp_mount_options_parse(&mount->options, &part->options, err);
      if (result != 0)
        hp_error_wrap(err, "rootfs[%zu].options", i);
      part->options.bind |= hp_text_is_among(part->type, "bind\0rbind\0");
      part->options.recursive |= strcmp(part->type, "rbind") == 0;
      take_privileges(&part->options);
    }
  }
  if (result != 0)
    hp_rootfs_clear(rootfs);
  return result;
}

int hp_rootfs_open(struct hp_rootfs *rootfs, struct hp_error *err) {
  for (size_t i = 0; i < rootfs->count; i++) {
    struct hp_rootfs_part *part = &rootfs->parts[i];
    if (!part->options.bind)
      continue;
    int source = open(part->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (source < 0)
      hp_error_set_os(err, errno, "cannot open it");
    else
      part->fd = hp_mount_clone(source, &part->options, err);
    if (source >= 0)
      close(source);
    if (part->fd < 0)
      return hp_error_wrap(err, "the source \"%s\" of rootfs[%zu]", part->source, i);
  }
  return 0;
}

static int mount_part(const struct hp_rootfs_part *part, const char *volume, struct hp_error *err) {
  /* Opened anew for each: the part before may lie on top of it. */
  int target = -1, result = -1, root = hp_walk_open_resolved(volume, O_PATH | O_DIRECTORY);
  if (root < 0)
    return hp_error_set_os(err, errno, "cannot open \"%s\"", volume);
  target = part->target && *part->target ? hp_walk_make(root, part->target, true, err) : root;
  if (target >= 0 && part->fd >= 0)
    result = hp_mount_attach(part->fd, target, err);
  else if (target >= 0)
    result = hp_mount_classic(part->type, part->source, target, &part->options, err);
  if (target >= 0 && target != root)
    close(target);
  close(root);
  return result;
}

int hp_rootfs_mount(struct hp_rootfs *rootfs, const char *volume, struct hp_error *err) {
  for (size_t i = 0; i < rootfs->count; i++) {
    if (mount_part(&rootfs->parts[i], volume, err) != 0)
      return hp_error_wrap(err, "rootfs[%zu]", i);
    hp_crash_point();
  }
  return 0;
}

void hp_rootfs_clear(struct hp_rootfs *rootfs) {
  for (size_t i = 0; i < rootfs->count; i++) {
    if (rootfs->parts[i].fd >= 0)
      close(rootfs->parts[i].fd);
    hp_mount_options_clear(&rootfs->parts[i].options);
  }
  free(rootfs->parts);
  free(rootfs->root);
  *rootfs = (struct hp_rootfs){0};
}
