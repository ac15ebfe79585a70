/* Between messages and plain structures. */
#include "support.h"

#include <string.h>

#include "service/convert.h"

static struct hp_error err;

static void teardown(void) {
  hp_error_clear(&err);
}

START_TEST(a_string_for_a_message_is_never_null) {
  ck_assert_str_eq(hp_convert_borrow(NULL), "");
  const char *text = "text";
  ck_assert_ptr_eq(hp_convert_borrow(text), text);
}
END_TEST

START_TEST(the_zero_time_is_no_time) {
  Google__Protobuf__Timestamp message;
  ck_assert_ptr_null(hp_convert_time((struct hp_time){0, 0}, &message));
  ck_assert_ptr_eq(hp_convert_time((struct hp_time){5, 6}, &message), &message);
  ck_assert_int_eq(message.seconds, 5);
  ck_assert_int_eq(message.nanos, 6);
  ck_assert_ptr_nonnull(hp_convert_time((struct hp_time){0, 1}, &message));
}
END_TEST

START_TEST(mounts_own_their_options) {
  Containerd__Types__Mount message = CONTAINERD__TYPES__MOUNT__INIT;
  Containerd__Types__Mount *messages[] = {&message};
  char option[] = "ro";
  char *options[] = {option};
  struct host_rootfs_mount *mounts;
  message.type = option;
  message.options = options;
  message.n_options = 1;
  ck_assert_int_eq(hp_convert_rootfs(messages, 1, &mounts, &err), 0);
  option[0] = 'R';
  ck_assert_str_eq(mounts[0].options.items[0], "ro");
  ck_assert_ptr_null(mounts[0].options.items[1]);
  ck_assert_str_eq(mounts[0].source, "");
  hp_convert_rootfs_free(mounts, 1);
}
END_TEST

START_TEST(no_mounts_and_too_many) {
  struct host_rootfs_mount *mounts;
  ck_assert_int_eq(hp_convert_rootfs(NULL, 0, &mounts, &err), 0);
  ck_assert_ptr_null(mounts);
  hp_convert_rootfs_free(mounts, 0);
  ck_assert_int_eq(hp_convert_rootfs(NULL, HP_ROOTFS_MOUNTS_MAX + 1, &mounts, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  hp_convert_rootfs_free(mounts, HP_ROOTFS_MOUNTS_MAX + 1);
}
END_TEST

START_TEST(a_type_must_be_there_and_right) {
  Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
  ck_assert_int_eq(hp_convert_check_type("spec", NULL, HP_TYPE_PROCESS, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  any.type_url = (char *)HP_TYPE_PROCESS "2";
  ck_assert_int_eq(hp_convert_check_type("spec", &any, HP_TYPE_PROCESS, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "runtime-spec/1/Process2"));
  any.type_url = (char *)HP_TYPE_PROCESS;
  ck_assert_int_eq(hp_convert_check_type("spec", &any, HP_TYPE_PROCESS, &err), 0);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("service/convert");
  TCase *tcase = tcase_create("convert");
  tcase_add_checked_fixture(tcase, NULL, teardown);
  tcase_add_test(tcase, a_string_for_a_message_is_never_null);
  tcase_add_test(tcase, the_zero_time_is_no_time);
  tcase_add_test(tcase, mounts_own_their_options);
  tcase_add_test(tcase, no_mounts_and_too_many);
  tcase_add_test(tcase, a_type_must_be_there_and_right);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
