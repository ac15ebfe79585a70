/* What a pod uses: the figures of the cgroup that kubelet made for it, below
 * which its containers' lie. */
#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "host/linux/cgroup.h"
#include "host/linux/cgroup_path.h"

/* The pod's cgroup as if it were a job, to be read. */
static struct hp_cgroup *pod_cgroup(const char *path, struct hp_error *err) {
  struct hp_cgroup_layout layout;
  if (hp_cgroup_layout_read(&layout, err) < 0)
    return NULL;
  struct hp_cgroup *cgroup = hp_alloc(sizeof *cgroup + layout.count * sizeof cgroup->parts[0]);
  cgroup->version = layout.version;
  cgroup->count = layout.count;
  for (size_t i = 0; i < layout.count; i++)
    cgroup->parts[i] = (struct hp_cgroup_part){
        .controllers = layout.items[i].controllers,
        .directory = hp_printf("%s%s", layout.items[i].mount, path),
        .descriptor = -1,
    };
  hp_cgroup_layout_clear(&layout);
  return cgroup;
}

static void free_cgroup(struct hp_cgroup *cgroup) {
  for (size_t i = 0; cgroup != NULL && i < cgroup->count; i++)
    free(cgroup->parts[i].directory);
  free(cgroup);
}

int host_pod_stats(const struct hp_container_spec *sandbox, const char **type_url, uint8_t **data,
                   size_t *length, struct hp_error *err) {
  char *path = NULL;
  if (sandbox->cgroup_parent == NULL || sandbox->cgroup_parent[0] == '\0')
    return host_empty_stats(type_url, data, length);
  if (hp_cgroup_parent_path(sandbox->cgroup_parent, &path, err) < 0)
    return hp_error_wrap(err, "linux.cgroup_parent");
  struct hp_cgroup *cgroup = pod_cgroup(path, err);
  int result = cgroup != NULL ? hp_cgroup_stats(cgroup, type_url, data, length, err) : -1;
  if (result < 0 && err->os_code == ENOENT) {
    hp_error_clear(err);
    result = host_empty_stats(type_url, data, length);
  }
  free_cgroup(cgroup);
  free(path);
  return result;
}
