/* A container as the product makes it, on winsim: through host.h, with its
 * journal, in one of the layouts. Windows only. Included by one file a program. */
#ifndef HP_TESTS_UNIT_WHOLE_CONTAINER_WINDOWS_H
#define HP_TESTS_UNIT_WHOLE_CONTAINER_WINDOWS_H

#include "host/ledger.h"
#include "host_windows_process.h"
#include "runtime/journal.h"
#include "scratch_windows.h"
#include "winsim/winsim.h"

struct layout {
  const char *name, *account;
  bool layers, symlink;
};

static const struct layout layouts[] = {
    {"a group's account, layers, bind", "hpc-localgroup", true, false},
    {"LocalService, layers, symlink", "Local service", true, true},
    {"an existing user, a directory, symlink", "joe", false, true},
    {"SYSTEM, a directory, bind", "SYSTEM", false, false},
};
#define LAYOUT_COUNT (sizeof layouts / sizeof layouts[0])

static struct whole {
  struct hp_verdict verdict;
  struct hp_container_spec spec;
  struct hp_policy policy;
  struct hp_mount mount;
  struct hp_affinity affinity;
  struct host_rootfs_mount rootfs;
  struct host_container_request request;
  char *bundle, *id;
  struct hp_journal *journal;
} whole;

static inline char *narrow_in_scratch(const wchar_t *name) {
  wchar_t *wide = in_scratch(name);
  char *utf8 = hp_narrow(wide);
  free(wide);
  return utf8;
}

/* What is on the machine before any container. */
static inline void whole_machine(void) {
  static const wchar_t *const directories[] = {L"bundle", L"rootfs", L"data", L"snapshot", L"base"};
  for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++)
    make_directory_in_scratch(directories[i]);
  winsim_add_alias(L"hpc-localgroup");
  winsim_set_administrators(L"hpc-localgroup");
  winsim_add_user(NULL, L"joe");
}

static inline void whole_use_layers(void) {
  char *base = narrow_in_scratch(L"base");
  json_t *parents = json_pack("[s]", base);
  char *text = json_dumps(parents, JSON_COMPACT);
  whole.rootfs.type = "windows-layer";
  whole.rootfs.source = narrow_in_scratch(L"snapshot");
  hp_strings_take(&whole.rootfs.options, hp_printf("parentLayerPaths=%s", text));
  whole.spec.limits.storage_size = (struct hp_number){true, 20ll << 30};
  whole.request.rootfs = &whole.rootfs;
  whole.request.rootfs_count = 1;
  free(text);
  json_decref(parents);
  free(base);
}

/* No two share an id: the name of a job stays until its last process is quite gone. */
static inline void whole_init(const struct layout *layout) {
  static unsigned count;
  whole = (struct whole){.affinity = {1, 0},
                         .bundle = narrow_in_scratch(L"bundle"),
                         .id = hp_printf("whole-%lu-%u", GetCurrentProcessId(), ++count)};
  hp_policy_init(&whole.policy);
  ck_assert_int_eq(hp_account_parse(HP_OS_WINDOWS, layout->account, &whole.verdict.account, &err), 0);
  whole.verdict.behavior = layout->symlink ? HP_MOUNT_SYMLINK : HP_MOUNT_BIND;
  whole.mount =
      (struct hp_mount){.source = narrow_in_scratch(L"data"), .destination = narrow_in_scratch(L"var\\data")};
  whole.spec = (struct hp_container_spec){
      .root_path = narrow_in_scratch(L"rootfs"),
      .rootfs_location = narrow_in_scratch(L"place"),
      .mounts = &whole.mount,
      .mount_count = 1,
      .limits = {.memory = {true, 512 << 20},
                 .cpu_maximum = {true, 5000},
                 .affinities = {&whole.affinity, 1},
                 .storage_iops = {true, 100}},
  };
  whole.request = (struct host_container_request){.namespace_name = "k8s.io",
                                                  .id = whole.id,
                                                  .bundle = whole.bundle,
                                                  .spec = &whole.spec,
                                                  .verdict = &whole.verdict,
                                                  .policy = &whole.policy};
  if (layout->layers)
    whole_use_layers();
}

static inline void whole_clear(void) {
  hp_account_clear(&whole.verdict.account);
  hp_policy_clear(&whole.policy);
  hp_strings_clear(&whole.rootfs.options);
  free(whole.rootfs.source);
  free(whole.mount.source);
  free(whole.mount.destination);
  free(whole.spec.root_path);
  free(whole.spec.rootfs_location);
  free(whole.bundle);
  free(whole.id);
}

/* As runtime/create.c does it: each record is on disk before its thing is made. */
static inline int whole_create(void) {
  json_t *records = NULL, *record;
  size_t index;
  if (host_container_plan(&whole.request, &container, &records, &err) != 0)
    return -1;
  int result = hp_journal_open(whole.bundle, &whole.journal, &err);
  json_array_foreach(records, index, record) {
    if (result == 0)
      result = hp_journal_append(whole.journal, record, &err);
    if (result == 0)
      result = host_container_make(container, record, &err);
  }
  json_decref(records);
  return result;
}

static inline int whole_start(const char *verb, const char *argument, struct run *run) {
  struct hp_strings args = argument ? WORDS(self, verb, argument) : WORDS(self, verb);
  int result = start(&args, NULL, NULL, NULL, run);
  hp_strings_clear(&args);
  return result;
}

/* As Task.Delete does it: empty the job, let go of everything, release what the
 * journal names. It can be called again until it succeeds. */
static inline int whole_delete(void) {
  json_t *records = NULL;
  char *damage = NULL;
  int result = 0;
  struct hp_error first = HP_ERROR_INIT;
  if (container && container->job)
    result = host_job_kill(container, &first);
  host_container_free(container);
  container = NULL;
  if (!whole.journal) {
    hp_error_clear(&first);
    return 0;
  }
  if (hp_journal_records(whole.journal, &records, &damage, &err) != 0 ||
      hp_release_records(records, &err) != 0)
    result = -1;
  else if (result != 0)
    hp_error_move(&err, &first);
  json_decref(records);
  free(damage);
  hp_error_clear(&first);
  return result;
}

static inline void whole_forget_journal(void) {
  if (whole.journal)
    ck_assert_msg(hp_journal_remove(whole.journal, &err) == 0, "%s", err.message);
  whole.journal = NULL;
}

/* Neither accounts nor mounts nor claims nor directories; of the layers the disk stays. */
static inline void expect_nothing_left(const char *when, unsigned n) {
  json_t *claims = NULL;
  char *left = winsim_left();
  ck_assert_msg(*left == 0, "%s %u left: %s", when, n, left);
  free(left);
  ck_assert_int_eq(hp_ledger_read(&claims, &err), 0);
  ck_assert_msg(json_array_size(claims) == 0, "%s %u left claims", when, n);
  json_decref(claims);
  ck_assert_msg(!exists(L"place") && !exists(L"var"), "%s %u left a directory", when, n);
  ck_assert_msg(exists(L"data"), "%s %u took what was mounted", when, n);
}

#endif
