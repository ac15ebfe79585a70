/* What gc finds on winsim when a bundle and its journal are lost: by the ledger's
 * word, and profiles by their directory's name. */
#include "host/strays.h"

#include "base/log.h"
#include "host/host.h"
#include "host/windows/links.h"
#include "host/windows/profile.h"
#include "whole_container_windows.h"

#define GONE "S-1-5-21-11-22-33-70001"
#define OURS "C:\\Users\\hpc-0123456789abcdef"

static json_t *made;

static void set_up(void) {
  static char program[MAX_PATH];
  scratch_make();
  winsim_reset();
  whole_machine();
  GetModuleFileNameA(NULL, program, sizeof program);
  memcpy(self, program, sizeof self);
  err = (struct hp_error)HP_ERROR_INIT;
  container = NULL;
  made = NULL;
  hp_log_set_level(HP_LOG_ERROR);
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  ck_assert_int_eq(host_reaper_start(&loop, &err), 0);
}

static void tear_down(void) {
  json_decref(made);
  host_reaper_stop();
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
  hp_error_clear(&err);
  scratch_remove();
}

static void find(void) {
  json_decref(made);
  made = NULL;
  ck_assert_msg(host_find_made(&made, &err) == 0, "%s", err.message);
}

/* As runtime/garbage.c goes through them; how many failed. */
static size_t release_all(void) {
  size_t failed = 0;
  for (size_t i = json_array_size(made); i-- > 0;) {
    failed += host_release(json_array_get(made, i), &err) != 0;
    hp_error_clear(&err);
  }
  return failed;
}

static const json_t *record_of(const char *kind) {
  for (size_t i = 0; i < json_array_size(made); i++)
    if (strcmp(json_string_value(json_object_get(json_array_get(made, i), "kind")), kind) == 0)
      return json_array_get(made, i);
  return NULL;
}

/* A container whose shim died, and whose bundle went with its journal. */
static void lose_container(const struct layout *layout) {
  whole_init(layout);
  ck_assert_msg(whole_create() == 0, "%s", err.message);
  host_container_free(container);
  container = NULL;
  whole_forget_journal();
  wchar_t *path = in_scratch(L"bundle");
  ck_assert(RemoveDirectoryW(path));
  free(path);
}

/* ---- by the ledger's word -------------------------------------------------------- */

START_TEST(a_lost_container_is_given_back) {
  const struct layout *layout = &layouts[_i];
  lose_container(layout);
  find();
  ck_assert((record_of("layers") != NULL) == layout->layers);
  ck_assert((record_of("links") != NULL) == (layout->symlink && !layout->layers));
  ck_assert_ptr_nonnull(record_of("mount-points"));
  ck_assert_uint_eq(release_all(), 0);
  expect_nothing_left(layout->name, 0);
  ck_assert_uint_eq(release_all(), 0); /* and again */
  find();
  ck_assert_uint_eq(json_array_size(made), 0);
  whole_clear();
}
END_TEST

START_TEST(a_sweep_gives_it_back_too) {
  lose_container(&layouts[_i]);
  host_sweep();
  expect_nothing_left(layouts[_i].name, 0);
  whole_clear();
}
END_TEST

START_TEST(whatever_fails_a_second_gc_gets_it) {
  for (unsigned n = 1;; n++) {
    lose_container(&layouts[_i]);
    find();
    winsim_forget();
    winsim_fail(n, ERROR_NO_SYSTEM_RESOURCES);
    release_all();
    bool all = winsim_calls() < n;
    winsim_fail(0, 0);
    find();
    ck_assert_uint_eq(release_all(), 0);
    expect_nothing_left(layouts[_i].name, n);
    whole_clear();
    make_directory_in_scratch(L"bundle");
    if (all)
      break;
  }
}
END_TEST

START_TEST(layers_that_are_in_use_again_stay) {
  lose_container(&layouts[0]);
  find();
  whole_clear();
  make_directory_in_scratch(L"again");
  whole_init(&layouts[0]);
  free(whole.bundle);
  whole.request.bundle = whole.bundle = narrow_in_scratch(L"again");
  ck_assert_msg(whole_create() == 0, "%s", err.message);
  winsim_forget();
  ck_assert_uint_eq(release_all(), 0); /* of what was found before */
  ck_assert_uint_eq(winsim_count("DeactivateLayer"), 0);
  find();
  ck_assert_ptr_null(record_of("layers")); /* its job tells that its owner is at work */
  ck_assert_msg(whole_delete() == 0, "%s", err.message);
  ck_assert_uint_eq(winsim_count("DeactivateLayer"), 1);
  whole_forget_journal();
  expect_nothing_left("again", 0);
  whole_clear();
}
END_TEST

START_TEST(a_link_that_another_container_shares_stays) {
  lose_container(&layouts[2]);
  find();
  whole_clear();
  make_directory_in_scratch(L"again");
  whole_init(&layouts[2]);
  free(whole.bundle);
  whole.request.bundle = whole.bundle = narrow_in_scratch(L"again");
  ck_assert_msg(whole_create() == 0, "%s", err.message);
  ck_assert_uint_eq(release_all(), 0);
  wchar_t *outside = in_scratch(L"var\\data"), *root = in_scratch(L"rootfs"),
          *link = hp_path_join(root, hp_path_below_drive(outside));
  ck_assert_uint_ne(hp_link_tag(link), 0);
  ck_assert_msg(whole_delete() == 0, "%s", err.message);
  ck_assert_uint_eq(hp_link_tag(link), 0);
  free(link);
  free(root);
  free(outside);
  whole_forget_journal();
  expect_nothing_left("again", 0);
  whole_clear();
}
END_TEST

/* ---- accounts ----------------------------------------------------------------------- */

/* A lost container's account, of which the ledger knows no more either. The claims. */
static json_t *forget_claims(void) {
  struct hp_ledger *ledger;
  ck_assert_int_eq(hp_ledger_open(&ledger, &err), 0);
  json_t *claims = json_copy(hp_ledger_claims(ledger));
  json_array_clear(hp_ledger_claims(ledger));
  ck_assert_int_eq(hp_ledger_save(ledger, &err), 0);
  hp_ledger_close(ledger);
  return claims;
}

static void claim_again(json_t *claims) {
  struct hp_ledger *ledger;
  ck_assert_int_eq(hp_ledger_open(&ledger, &err), 0);
  json_array_extend(hp_ledger_claims(ledger), claims);
  ck_assert_int_eq(hp_ledger_save(ledger, &err), 0);
  hp_ledger_close(ledger);
  json_decref(claims);
}

/* Its maker claims it before it is there; but gc may have read the ledger before that. */
START_TEST(an_account_that_is_just_being_made_stays) {
  lose_container(&layouts[0]);
  json_t *claims = forget_claims();
  find();
  json_t *account = json_deep_copy(record_of("account"));
  ck_assert(json_is_true(json_object_get(account, "stray")));
  claim_again(claims);
  winsim_forget();
  ck_assert_msg(host_release(account, &err) == 0, "%s", err.message);
  ck_assert_uint_eq(winsim_count("NetUserDel"), 0);
  json_decref(account);
  find();
  ck_assert_uint_eq(release_all(), 0); /* by the ledger's word, all of which is there */
  ck_assert_uint_eq(winsim_count("NetUserDel"), 1);
  expect_nothing_left("an account", 0);
  whole_clear();
}
END_TEST

START_TEST(an_account_without_a_claim_goes) {
  lose_container(&layouts[0]);
  json_t *claims = forget_claims();
  find();
  json_t *account = json_deep_copy(record_of("account"));
  winsim_forget();
  ck_assert_msg(host_release(account, &err) == 0, "%s", err.message);
  ck_assert_uint_eq(winsim_count("NetUserDel"), 1);
  ck_assert_msg(host_release(account, &err) == 0, "%s", err.message); /* and again */
  json_decref(account);
  claim_again(claims);
  find();
  ck_assert_uint_eq(release_all(), 0);
  expect_nothing_left("an account", 0);
  whole_clear();
}
END_TEST

/* ---- profiles ----------------------------------------------------------------------- */

static void expect_profile(bool stray) {
  find();
  const json_t *profile = record_of("profile");
  ck_assert((profile != NULL) == stray);
  if (profile)
    ck_assert_str_eq(json_string_value(json_object_get(profile, "sid")), GONE);
}

START_TEST(a_profile_without_account_or_claim_goes) {
  static const char *const paths[] = {OURS, OURS ".NODE", "c:\\users\\HPC-0123456789ABCDEF.000"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    winsim_set_profile(GONE, paths[i]);
    winsim_forget();
    expect_profile(true);
    ck_assert_uint_eq(winsim_count("DeleteProfileW"), 0); /* a look deletes nothing */
    ck_assert_uint_eq(release_all(), 0);
    ck_assert_uint_eq(winsim_count("DeleteProfileW"), 1);
    ck_assert_uint_eq(release_all(), 0);
    expect_profile(false);
  }
}
END_TEST

START_TEST(a_profile_of_another_name_stays) {
  static const char *const paths[] = {"C:\\Users\\joe",
                                      OURS "0",
                                      "C:\\Users\\hpc-0123456789abcde",
                                      "C:\\Users\\hpc-0123456789abcdeg",
                                      OURS "\\AppData",
                                      "hpc-0123456789abcdef",
                                      ""};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    winsim_set_profile(GONE, paths[i]);
    expect_profile(false);
  }
}
END_TEST

START_TEST(a_profile_of_somebody_stays) {
  winsim_add_user(NULL, L"hpc-0123456789abcdef");
  char *sid = NULL;
  for (int rid = 64000; !sid; rid++) { /* the account that was added last has the highest */
    char *next = hp_printf("S-1-5-21-11-22-33-%d", rid);
    winsim_set_profile(next, OURS);
    find();
    if (record_of("profile"))
      sid = next; /* nobody's: all before it were somebody's */
    else
      free(next);
  }
  ck_assert_str_eq(sid, "S-1-5-21-11-22-33-64003"); /* after the group, joe and this one */
  free(sid);
}
END_TEST

/* A domain controller that does not answer has not said that nobody is there. */
START_TEST(what_cannot_be_looked_up_is_not_gone) {
  winsim_set_profile(GONE, OURS);
  winsim_fail_call("LookupAccountSidW", 1, ERROR_TRUSTED_RELATIONSHIP_FAILURE);
  expect_profile(false);
  expect_profile(true);
}
END_TEST

START_TEST(a_claimed_profile_is_its_owners) {
  json_t *owner = NULL;
  struct hp_ledger *ledger;
  winsim_set_profile(GONE, OURS);
  expect_profile(true);
  char *bundle = narrow_in_scratch(L"bundle");
  ck_assert_int_eq(hp_ledger_owner("k8s.io", "c1", bundle, &owner, &err), 0);
  ck_assert_int_eq(hp_ledger_open(&ledger, &err), 0);
  hp_ledger_add(ledger, "account", owner, json_pack("{s:s}", "name", "hpc-0123456789abcdef"));
  ck_assert_int_eq(hp_ledger_save(ledger, &err), 0);
  hp_ledger_close(ledger);
  winsim_forget();
  ck_assert_int_eq(host_release(record_of("profile"), &err), 0); /* claimed since it was found */
  ck_assert_uint_eq(winsim_count("DeleteProfileW"), 0);
  expect_profile(false);
  json_decref(owner);
  free(bundle);
}
END_TEST

START_TEST(a_list_that_cannot_be_read_takes_nothing) {
  static const char *const calls[] = {"RegOpenKeyExW", "RegEnumKeyExW", "RegGetValueW"};
  for (size_t i = 0; i < 3; i++) {
    winsim_set_profile(GONE, OURS);
    winsim_fail_call(calls[i], 1, ERROR_NO_SYSTEM_RESOURCES);
    expect_profile(false);
    expect_profile(true);
  }
  winsim_fail_call("RegOpenKeyExW", 1, ERROR_NO_SYSTEM_RESOURCES);
  ck_assert_int_eq(host_release(record_of("profile"), &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "RegOpenKeyExW of the list of profiles"));
}
END_TEST

int main(int argc, char **argv) {
  int status;
  if (run_as_child(argc, argv, &status))
    return status;
  Suite *suite = suite_create("host_windows_strays");
  TCase *strays = tcase_create("strays");
  tcase_set_timeout(strays, 200);
  tcase_add_checked_fixture(strays, set_up, tear_down);
  tcase_add_loop_test(strays, a_lost_container_is_given_back, 0, LAYOUT_COUNT);
  tcase_add_loop_test(strays, a_sweep_gives_it_back_too, 0, LAYOUT_COUNT);
  tcase_add_loop_test(strays, whatever_fails_a_second_gc_gets_it, 0, LAYOUT_COUNT);
  tcase_add_test(strays, layers_that_are_in_use_again_stay);
  tcase_add_test(strays, a_link_that_another_container_shares_stays);
  tcase_add_test(strays, an_account_that_is_just_being_made_stays);
  tcase_add_test(strays, an_account_without_a_claim_goes);
  tcase_add_test(strays, a_profile_without_account_or_claim_goes);
  tcase_add_test(strays, a_profile_of_another_name_stays);
  tcase_add_test(strays, a_profile_of_somebody_stays);
  tcase_add_test(strays, what_cannot_be_looked_up_is_not_gone);
  tcase_add_test(strays, a_claimed_profile_is_its_owners);
  tcase_add_test(strays, a_list_that_cannot_be_read_takes_nothing);
  suite_add_tcase(suite, strays);
  return hp_run_suite(suite);
}
