/* gc: what dead shims left, found and removed. What living ones hold is not touched. */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/log.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/style.h"
#include "host/host.h"
#include "runtime/garbage.h"

#define LIMIT_NS UINT64_C(300000000000) /* after which nothing more is begun */
#if defined(_WIN32)
#define SEPARATOR "\\"
#else
#define SEPARATOR "/"
#endif

/* ---- containerd's bundles ---------------------------------------------------------- */

/* The directories in a directory; one that is not there has none. */
static void list_directories(const char *directory, struct hp_strings *found) {
  uv_fs_t listing;
  uv_dirent_t entry;
  if (uv_fs_scandir(NULL, &listing, directory, 0, NULL) >= 0)
    while (uv_fs_scandir_next(&listing, &entry) != UV_EOF)
      if (entry.type == UV_DIRENT_DIR || entry.type == UV_DIRENT_UNKNOWN)
        hp_strings_take(found, hp_printf("%s" SEPARATOR "%s", directory, entry.name));
  uv_fs_req_cleanup(&listing);
}

/* STATE/PLUGIN/NAMESPACE/ID */
static void list_bundles(const char *state, struct hp_strings *bundles) {
  static const char *const plugins[] = {"io.containerd.runtime.v2.task",
                                        "io.containerd.sandbox.controller.v1.shim"};
  for (size_t i = 0; i < sizeof plugins / sizeof plugins[0]; i++) {
    struct hp_strings namespaces = {0};
    char *root = hp_printf("%s" SEPARATOR "%s", state, plugins[i]);
    list_directories(root, &namespaces);
    for (size_t j = 0; j < namespaces.count; j++)
      list_directories(namespaces.items[j], bundles);
    hp_strings_clear(&namespaces);
    free(root);
  }
}

/* Where containerd never ran there is no default directory, and nothing to find. */
static int check_state(const struct hp_call *call, const char *state, struct hp_error *err) {
  uv_fs_t listing;
  int status = uv_fs_scandir(NULL, &listing, state, 0, NULL);
  uv_fs_req_cleanup(&listing);
  if (status >= 0 || (status == UV_ENOENT && !hp_call_option(call, "state")))
    return 0;
  return hp_error_set_uv(err, status,
                         "cannot list containerd's state directory \"%s\" (--state names another)", state);
}

/* Owned. */
static char *state_directory(const struct hp_call *call) {
  const char *given = hp_call_option(call, "state");
  if (given)
    return hp_strdup(given);
#if defined(_WIN32)
  const char *data = getenv("ProgramData");
  return hp_printf("%s\\containerd\\state", data ? data : "C:\\ProgramData");
#else
  return hp_strdup("/run/containerd");
#endif
}

/* ---- addresses ------------------------------------------------------------------------ */

/* Those of the dead bundles are known even where the file system takes no marks. */
static void add_addresses(const struct hp_garbage *garbage, struct hp_strings *addresses) {
  size_t index;
  const json_t *item;
  json_array_foreach(garbage->items, index, item) {
    struct hp_error ignored = HP_ERROR_INIT;
    char *address = NULL;
    const char *kind = json_string_value(json_object_get(item, "kind"));
    if (strcmp(kind, "bundle") == 0 &&
        hp_bundle_read(json_string_value(json_object_get(item, "name")), HP_ADDRESS_FILE, &address,
                       &ignored) == 0 &&
        !hp_strings_has(addresses, address))
      hp_strings_add(addresses, address);
    free(address);
    hp_error_clear(&ignored);
  }
}

static void remove_address(struct hp_garbage *garbage, const char *address) {
  struct hp_error err = HP_ERROR_INIT;
  uint32_t pid;
  int result = host_daemon_find(address, &pid, &err);
  if (result == 0)
    return; /* it answers */
  if (err.code == HP_NOT_FOUND) {
    hp_error_clear(&err);
    result = 0;
    if (!garbage->dry_run)
      result = hp_garbage_in_time(garbage, &err) == 0 ? host_daemon_remove(address, &err) : -1;
  }
  hp_garbage_add(garbage, "address", address, NULL, result == 0 ? NULL : &err);
  hp_error_clear(&err);
}

static void remove_addresses(struct hp_garbage *garbage, const char *directory) {
  struct hp_strings addresses = {0};
  struct hp_error err = HP_ERROR_INIT;
  if (host_daemon_list(directory, &addresses, &err) != 0)
    hp_garbage_add(garbage, "address", directory ? directory : "?", NULL, &err);
  hp_error_clear(&err);
  add_addresses(garbage, &addresses);
  for (size_t i = 0; i < addresses.count; i++)
    remove_address(garbage, addresses.items[i]);
  hp_strings_clear(&addresses);
}

/* ---- answers ---------------------------------------------------------------------------- */

static size_t count_failed(const json_t *items) {
  size_t index, count = 0;
  const json_t *item;
  json_array_foreach(items, index, item) {
    count += json_object_get(item, "error") != NULL;
  }
  return count;
}

static void print_item(const json_t *item) {
  const char *status = json_string_value(json_object_get(item, "status"));
  const char *owner = json_string_value(json_object_get(item, "owner"));
  const char *error = json_string_value(json_object_get(item, "error"));
  char *name = hp_utf8_printable(json_string_value(json_object_get(item, "name")));
  printf("%s%-8s%s%s %s", hp_style(error ? HP_STYLE_BAD : HP_STYLE_GOOD), status, hp_style(HP_STYLE_END),
         json_string_value(json_object_get(item, "kind")), name);
  if (owner)
    printf(" of container %s", owner);
  if (error)
    printf(": %s", error);
  putchar('\n');
  free(name);
}

static void print_text(const struct hp_garbage *garbage) {
  size_t index, failed = count_failed(garbage->items), all = json_array_size(garbage->items);
  const json_t *item;
  json_array_foreach(garbage->items, index, item) {
    print_item(item);
  }
  printf("%zu %s, %zu failed; containers of living shims, left alone: %zu\n", all - failed,
         garbage->dry_run ? "found and left, for this is a dry run" : "removed", failed,
         json_array_size(garbage->living));
}

static int print_json(const struct hp_garbage *garbage) {
  json_t *whole = json_pack("{s:b, s:O, s:O}", "dryRun", garbage->dry_run, "items", garbage->items, "living",
                            garbage->living);
  int result = json_dumpf(whole, stdout, JSON_INDENT(2));
  putchar('\n');
  json_decref(whole);
  return result;
}

int hp_cli_gc(const struct hp_call *call) {
  int json = hp_call_json(call), status = EXIT_FAILURE;
  if (json < 0 || hp_call_no_operands(call) != 0)
    return HP_STATUS_USAGE;
  struct hp_strings bundles = {0};
  struct hp_error err = HP_ERROR_INIT;
  struct hp_garbage garbage = {.bundles = &bundles,
                               .namespace_name = hp_call_option(call, "namespace"),
                               .dry_run = hp_call_option(call, "dry-run") != NULL,
                               .deadline = uv_hrtime() + LIMIT_NS};
  char *state = state_directory(call);
  hp_log_set_level(HP_LOG_WARNING); /* on standard error: what stays, and why */
  list_bundles(state, &bundles);
  if (check_state(call, state, &err) != 0 || hp_garbage_collect(&garbage, &err) != 0) {
    fprintf(stderr, HP_PROGRAM ": gc: %s\n", err.message);
    goto done;
  }
  remove_addresses(&garbage, hp_call_option(call, "sockets"));
  if (json)
    print_json(&garbage);
  else
    print_text(&garbage);
  status = hp_cli_flush();
  if (count_failed(garbage.items) > 0)
    status = EXIT_FAILURE;
done:
  json_decref(garbage.items);
  json_decref(garbage.living);
  hp_strings_clear(&bundles);
  hp_error_clear(&err);
  free(state);
  return status;
}
