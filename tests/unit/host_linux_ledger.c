#include "host/ledger.h"

#include <pthread.h>

#include "host/ledger_file.h"
#include "support.h"
#include "throwaway_host.h"

static struct hp_error err;

static void leave(void) {
  hp_error_clear(&err);
}

static struct hp_ledger *open_ledger(void) {
  struct hp_ledger *ledger = NULL;
  ck_assert_msg(hp_ledger_open(&ledger, &err) == 0, "%s", err.message ? err.message : "");
  return ledger;
}

static json_t *owner_of(const char *id, const char *bundle) {
  json_t *owner = NULL;
  ck_assert_int_eq(hp_ledger_owner("ns", id, bundle, &owner, &err), 0);
  return owner;
}

static size_t count_claims(void) {
  json_t *claims = NULL;
  ck_assert_msg(hp_ledger_read(&claims, &err) == 0, "%s", err.message ? err.message : "");
  size_t count = json_array_size(claims);
  json_decref(claims);
  return count;
}

START_TEST(claims_are_kept_once_saved) {
  json_t *owner = owner_of("c1", "/b"), *other = owner_of("c2", "/b");
  ck_assert_uint_eq(count_claims(), 0);
  ck_assert(!exists("/scratch/state")); /* reading makes nothing */
  struct hp_ledger *ledger = open_ledger();
  hp_ledger_add(ledger, "uid", owner, json_pack("{s:i}", "uid", 7));
  hp_ledger_close(ledger);
  ck_assert_uint_eq(count_claims(), 0);
  ledger = open_ledger();
  hp_ledger_add(ledger, "uid", owner, json_pack("{s:i}", "uid", 7));
  hp_ledger_set_number(ledger, "nextUid", 8);
  ck_assert_int_eq(hp_ledger_save(ledger, &err), 0);
  hp_ledger_close(ledger);
  ck_assert_uint_eq(count_claims(), 1);
  ledger = open_ledger();
  const json_t *claim = json_array_get(hp_ledger_claims(ledger), 0);
  ck_assert(hp_ledger_is(claim, "uid", owner) && hp_ledger_is(claim, "uid", NULL));
  ck_assert(!hp_ledger_is(claim, "uid", other) && !hp_ledger_is(claim, "mount-point", owner));
  ck_assert_int_eq(hp_ledger_number(ledger, "nextUid"), 8);
  hp_ledger_close(ledger);
  ck_assert(!exists("/scratch/state/ledger.json.new"));
  json_decref(owner);
  json_decref(other);
}
END_TEST

START_TEST(directory_must_be_roots_alone) {
  struct hp_ledger *ledger = NULL;
  json_t *claims = NULL;
  ck_assert_int_eq(mkdir("/scratch/state", 0755), 0);
  ck_assert_int_eq(hp_ledger_open(&ledger, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "chmod 0700"));
  ck_assert_int_eq(hp_ledger_read(&claims, &err), -1);
  ck_assert_int_eq(chmod("/scratch/state", 0700), 0);
  ck_assert_int_eq(chown("/scratch/state", 1000, 0), 0);
  ck_assert_int_eq(hp_ledger_open(&ledger, &err), -1);
  ck_assert_int_eq(rmdir("/scratch/state"), 0);
  ck_assert_int_eq(mkdir("/scratch/elsewhere", 0700), 0);
  ck_assert_int_eq(symlink("/scratch/elsewhere", "/scratch/state"), 0);
  ck_assert_int_eq(hp_ledger_open(&ledger, &err), -1);
}
END_TEST

START_TEST(damage_is_named) {
  static const char *const texts[] = {
      "",
      "{",
      "[]",
      "{\"version\":2,\"claims\":[]}",
      "{\"version\":1}",
      "{\"version\":1,\"claims\":[{}]}",
      "{\"version\":1,\"claims\":[{\"kind\":\"uid\",\"owner\":{\"namespace\":\"n\",\"id\":7}}]}",
  };
  struct hp_ledger *ledger = NULL;
  ck_assert_int_eq(mkdir("/scratch/state", 0700), 0);
  write_file("/scratch/state/ledger.json", texts[_i]);
  ck_assert_int_eq(hp_ledger_open(&ledger, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "move it away"));
  ck_assert_str_eq(read_text("/scratch/state/ledger.json"), texts[_i]); /* never thrown away */
}
END_TEST

START_TEST(half_a_save_is_no_save) {
  struct hp_ledger *ledger = open_ledger();
  ck_assert_int_eq(hp_ledger_save(ledger, &err), 0);
  hp_ledger_close(ledger);
  write_file("/scratch/state/ledger.json.new", "{\"ver"); /* a crash while it was written */
  ck_assert_uint_eq(count_claims(), 0);
  json_t *owner = owner_of("c1", "/b");
  ledger = open_ledger();
  hp_ledger_add(ledger, "uid", owner, json_object());
  ck_assert_int_eq(hp_ledger_save(ledger, &err), 0);
  hp_ledger_close(ledger);
  ck_assert_uint_eq(count_claims(), 1);
  json_decref(owner);
}
END_TEST

/* What could not be read again is not written. */
START_TEST(a_full_ledger_stays_readable) {
  char *padding = hp_alloc(HP_LEDGER_FILE_MAX + 1);
  memset(padding, 'x', HP_LEDGER_FILE_MAX);
  json_t *owner = owner_of("c1", "/b");
  struct hp_ledger *ledger = open_ledger();
  hp_ledger_add(ledger, "uid", owner, json_object());
  ck_assert_int_eq(hp_ledger_save(ledger, &err), 0);
  hp_ledger_add(ledger, "uid", owner, json_pack("{s:s}", "padding", padding));
  ck_assert_int_eq(hp_ledger_save(ledger, &err), -1);
  ck_assert_int_eq(err.code, HP_RESOURCE_EXHAUSTED);
  hp_ledger_close(ledger);
  ck_assert_uint_eq(count_claims(), 1);
  json_decref(owner);
  free(padding);
}
END_TEST

#define THREADS 4
#define ROUNDS 25

static void *add_claims(void *arg) {
  for (int i = 0; i < ROUNDS; i++) {
    struct hp_error why = HP_ERROR_INIT;
    struct hp_ledger *ledger;
    if (hp_ledger_open(&ledger, &why) != 0)
      return why.message;
    hp_ledger_add(ledger, "uid", arg, json_object());
    int result = hp_ledger_save(ledger, &why);
    hp_ledger_close(ledger);
    if (result != 0)
      return why.message;
  }
  return NULL;
}

START_TEST(nobody_overwrites_another) {
  json_t *owners[THREADS];
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    char id[16];
    snprintf(id, sizeof id, "c%d", i);
    owners[i] = owner_of(id, "/b");
    ck_assert_int_eq(pthread_create(&threads[i], NULL, add_claims, owners[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    void *message;
    ck_assert_int_eq(pthread_join(threads[i], &message), 0);
    ck_assert_msg(message == NULL, "%s", (char *)message);
    json_decref(owners[i]);
  }
  ck_assert_uint_eq(count_claims(), THREADS * ROUNDS);
}
END_TEST

START_TEST(owners_live_with_boot_and_bundle) {
  make_directories("/scratch/bundle");
  json_t *owner = owner_of("c1", "/scratch/bundle");
  ck_assert(hp_ledger_owner_lives(owner));
  char *name = hp_ledger_owner_name(owner);
  ck_assert_str_eq(name, "ns/c1");
  free(name);
  ck_assert_int_eq(rmdir("/scratch/bundle"), 0);
  ck_assert(!hp_ledger_owner_lives(owner));
  make_directories("/scratch/bundle");
  json_object_set_new(owner, "boot", json_string("11111111-2222-3333-4444-555555555555"));
  ck_assert(!hp_ledger_owner_lives(owner));
  json_decref(owner);
  json_t *broken = NULL;
  ck_assert_int_eq(hp_ledger_owner("ns", "c1", "/\xff", &broken, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
}
END_TEST

int main(void) {
  const char *missing = throwaway_host_missing();
  if (missing) {
    printf("skipped: %s\n", missing);
    return EXIT_SUCCESS;
  }
  Suite *suite = suite_create("host/linux/ledger");
  TCase *ledger = tcase_create("ledger");
  tcase_add_checked_fixture(ledger, throwaway_host_enter, leave);
  tcase_set_timeout(ledger, 60);
  tcase_add_test(ledger, claims_are_kept_once_saved);
  tcase_add_test(ledger, directory_must_be_roots_alone);
  tcase_add_loop_test(ledger, damage_is_named, 0, 7);
  tcase_add_test(ledger, half_a_save_is_no_save);
  tcase_add_test(ledger, a_full_ledger_stays_readable);
  tcase_add_test(ledger, nobody_overwrites_another);
  tcase_add_test(ledger, owners_live_with_boot_and_bundle);
  suite_add_tcase(suite, ledger);
  return hp_run_suite(suite);
}
