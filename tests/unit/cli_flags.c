#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "cli/cli.h"
#include "support.h"

#define ARGV_MAX 24

/* Parses the words, which begin after the program's name; what was printed on
 * stderr is in `said`. */
static char said[512];

static int parse(struct hp_flags *flags, ...) {
  char *argv[ARGV_MAX] = {"containerd-shim-hostprocess-v1"};
  int argc = 1;
  va_list words;
  va_start(words, flags);
  while (argc < ARGV_MAX - 1 && (argv[argc] = va_arg(words, char *)))
    argc++;
  va_end(words);

  struct capture capture = capture_begin(stderr);
  int status = hp_flags_parse(argc, argv, flags);
  capture_end(&capture, said, sizeof said);
  return status;
}

START_TEST(containerds_own_call) {
  struct hp_flags flags;
  ck_assert_int_eq(parse(&flags, "-namespace", "k8s.io", "-address", "/run/containerd/containerd.sock",
                         "-publish-binary", "/usr/bin/containerd", "-id", "c1", "-debug", "start", NULL),
                   0);
  ck_assert_str_eq(flags.namespace_name, "k8s.io");
  ck_assert_str_eq(flags.address, "/run/containerd/containerd.sock");
  ck_assert_str_eq(flags.publish_binary, "/usr/bin/containerd");
  ck_assert_str_eq(flags.id, "c1");
  ck_assert_ptr_null(flags.bundle);
  ck_assert(flags.debug);
  ck_assert(!flags.info && !flags.version);
  ck_assert_str_eq(flags.verb, "start");
  ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(two_dashes_and_equals_signs) {
  struct hp_flags flags;
  ck_assert_int_eq(parse(&flags, "--namespace=a=b", "--id", "c", "delete", "-bundle=/b", "-socket=", NULL),
                   0);
  ck_assert_str_eq(flags.namespace_name, "a=b");
  ck_assert_str_eq(flags.id, "c");
  ck_assert_str_eq(flags.bundle, "/b");
  ck_assert_str_eq(flags.socket, "");
  ck_assert_str_eq(flags.verb, "delete");
}
END_TEST

START_TEST(a_value_may_look_like_a_flag) {
  struct hp_flags flags;
  ck_assert_int_eq(parse(&flags, "-id", "-namespace", "-namespace", "n", NULL), 0);
  ck_assert_str_eq(flags.id, "-namespace");
  ck_assert_str_eq(flags.namespace_name, "n");
}
END_TEST

START_TEST(switches) {
  struct hp_flags flags;
  ck_assert_int_eq(parse(&flags, "-info", NULL), 0);
  ck_assert(flags.info);
  ck_assert_ptr_null(flags.verb);
  ck_assert_int_eq(parse(&flags, "-v", NULL), 0);
  ck_assert(flags.version);
  ck_assert_int_eq(parse(&flags, "-debug=false", "-info=T", NULL), 0);
  ck_assert(!flags.debug && flags.info);
  ck_assert_int_eq(parse(&flags, "-debug=maybe", NULL), -1);
  ck_assert_ptr_nonnull(strstr(said, "-debug has the value \"maybe\""));
}
END_TEST

START_TEST(a_misspelt_flag_is_suggested) {
  struct hp_flags flags;
  ck_assert_int_eq(parse(&flags, "-namepsace", "n", "start", NULL), -1);
  ck_assert_ptr_nonnull(strstr(said, "-namepsace is not known: did you mean -namespace?"));
  ck_assert_int_eq(parse(&flags, "--bundel=/b", NULL), -1);
  ck_assert_ptr_nonnull(strstr(said, "did you mean -bundle?"));
}
END_TEST

START_TEST(a_flag_like_no_other_lists_all) {
  struct hp_flags flags;
  ck_assert_int_eq(parse(&flags, "-frobnicate-everything-at-once-please", NULL), -1);
  ck_assert_ptr_null(strstr(said, "did you mean"));
  ck_assert_ptr_nonnull(strstr(said, "-publish-binary"));
  char *huge = malloc(100001);
  memset(huge, 'x', 100000);
  huge[0] = '-';
  huge[100000] = 0;
  ck_assert_int_eq(parse(&flags, huge, NULL), -1);
  ck_assert_uint_lt(strlen(said), 400);
  free(huge);
}
END_TEST

START_TEST(what_is_missing_or_too_much) {
  struct hp_flags flags;
  ck_assert_int_eq(parse(&flags, "start", "-id", NULL), -1);
  ck_assert_ptr_nonnull(strstr(said, "-id needs a value"));
  ck_assert_int_eq(parse(&flags, "start", "delete", NULL), -1);
  ck_assert_ptr_nonnull(strstr(said, "both \"start\" and \"delete\""));
  ck_assert_int_eq(parse(&flags, NULL), 0);
  ck_assert_ptr_null(flags.verb);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("cli/flags");
  TCase *flags = tcase_create("flags");
  tcase_add_test(flags, containerds_own_call);
  tcase_add_test(flags, two_dashes_and_equals_signs);
  tcase_add_test(flags, a_value_may_look_like_a_flag);
  tcase_add_test(flags, switches);
  tcase_add_test(flags, a_misspelt_flag_is_suggested);
  tcase_add_test(flags, a_flag_like_no_other_lists_all);
  tcase_add_test(flags, what_is_missing_or_too_much);
  suite_add_tcase(suite, flags);
  return hp_run_suite(suite);
}
