/* A whole container: planned, made record by record, used, released. */
#include "host_windows_process.h"

static char *root;

static void set_up(void) {
  new_container();
  free(container->id);
  free(container->volume_utf8);
  free(container);
  container = NULL;
  root = hp_printf("%s\\root", folder);
  ck_assert(CreateDirectoryA(root, NULL));
  char *state = hp_printf("%s\\state", folder);
  ck_assert(SetEnvironmentVariableA("HOSTPROCESS_STATE_DIR", state));
  free(state);
}

static void remove_tree(void) {
  char *line = hp_printf("cmd.exe /c rd /s /q \"%s\"", folder);
  ck_assert_int_eq(system(line), 0);
  free(line);
}

static void tear_down(void) {
  host_container_free(container);
  container = NULL;
  host_reaper_stop();
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
  hp_error_clear(&err);
  free(root);
  remove_tree();
}

static int release_all(const json_t *records) {
  int result = 0;
  for (size_t i = json_array_size(records); i-- > 0;)
    if (host_release(json_array_get(records, i), &err) != 0)
      result = -1;
  return result;
}

START_TEST(test_a_container_from_plan_to_release) {
  struct hp_policy policy;
  hp_policy_init(&policy);
  struct hp_container_spec spec = {.root_path = root, .hostprocess = HP_TRUE};
  struct hp_verdict verdict = {.account.kind = HP_ACCOUNT_INHERIT};
  const struct host_container_request request = {.namespace_name = "test",
                                                 .id = "whole",
                                                 .bundle = folder,
                                                 .spec = &spec,
                                                 .verdict = &verdict,
                                                 .policy = &policy};
  json_t *records;
  ck_assert_msg(host_container_plan(&request, &container, &records, &err) == 0, "%s", err.message);
  ck_assert_uint_gt(json_array_size(records), 0);
  size_t index;
  json_t *record;
  json_array_foreach(records, index, record) {
    ck_assert_msg(host_container_make(container, record, &err) == 0, "%s", err.message);
  }
  ck_assert_int_eq(host_container_make(container, json_array_get(records, 0), &err), -1); /* made already */
  ck_assert_ptr_nonnull(host_container_volume(container));

  struct run run;
  HANDLE out;
  size_t length;
  start_self("variable", HP_MOUNT_POINT_VARIABLE, &run, &out);
  char *text = read_all(out, &length);
  ck_assert_str_eq(text, host_container_volume(container));
  free(text);
  watch(&run);
  wait_for(&run.ends, 1);
  ck_assert_uint_eq(run.status, 0);

  start_self("sleep", NULL, &run, &out);
  watch(&run);
  ck_assert_msg(release_all(records) == 0, "%s", err.message);
  wait_for(&run.ends, 1);
  CloseHandle(out);
  ck_assert_msg(release_all(records) == 0, "%s", err.message); /* and once more */
  json_decref(records);
  hp_policy_clear(&policy);
}
END_TEST

START_TEST(test_unknown_records) {
  json_t *record = json_pack("{s:s}", "kind", "spaceship"), *none = json_object();
  ck_assert_int_eq(host_release(record, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "spaceship"));
  ck_assert_int_eq(host_release(none, &err), -1);
  json_decref(record);
  json_decref(none);
}
END_TEST

int main(int argc, char **argv) {
  int status;
  if (run_as_child(argc, argv, &status))
    return status;
  Suite *suite = suite_create("host/windows/container");
  TCase *test = tcase_create("container");
  tcase_set_timeout(test, 90);
  tcase_add_checked_fixture(test, set_up, tear_down);
  tcase_add_test(test, test_a_container_from_plan_to_release);
  tcase_add_test(test, test_unknown_records);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
