#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "capture.h"
#include "cli/command.h"
#include "support.h"

#define WORDS_MAX 24

static const struct hp_command command = {
    .name = "look",
    .options = "o|output FORMAT\ttext or json\ndry-run\tmake nothing\nfile PATH\twhich\n",
};

/* What the last parse printed on stderr. */
static char said[1024];
static struct hp_call call;

static int parse(const char *first, ...) {
  char *words[WORDS_MAX] = {(char *)(uintptr_t)first};
  va_list list;
  va_start(list, first);
  for (int i = 0; words[i] && i < WORDS_MAX - 1; i++)
    words[i + 1] = va_arg(list, char *);
  va_end(list);
  hp_call_clear(&call);
  struct capture capture = capture_begin(stderr);
  int status = hp_call_parse(&command, words, &call);
  capture_end(&capture, said, sizeof said);
  return status;
}

static void tear_down(void) {
  hp_call_clear(&call);
}

START_TEST(options_in_every_spelling) {
  ck_assert_int_eq(parse("-o", "json", NULL), 0);
  ck_assert_str_eq(hp_call_option(&call, "o"), "json");
  ck_assert_str_eq(hp_call_option(&call, "output"), "json");
  ck_assert_int_eq(parse("-o=json", NULL), 0);
  ck_assert_str_eq(hp_call_option(&call, "o"), "json");
  ck_assert_int_eq(parse("--output=a=b", NULL), 0);
  ck_assert_str_eq(hp_call_option(&call, "o"), "a=b");
  ck_assert_int_eq(parse("-output", "-", NULL), 0);
  ck_assert_str_eq(hp_call_option(&call, "o"), "-");
  ck_assert_int_eq(parse("--o", "x", "-file=", NULL), 0);
  ck_assert_str_eq(hp_call_option(&call, "o"), "x");
  ck_assert_str_eq(hp_call_option(&call, "file"), "");
  ck_assert_ptr_null(hp_call_option(&call, "dry-run"));
  ck_assert_ptr_null(hp_call_option(&call, "no-such"));
  ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(the_last_one_wins_and_a_value_may_look_like_an_option) {
  ck_assert_int_eq(parse("-o", "json", "-dry-run", "-o=--dry-run", "-file", "-x", NULL), 0);
  ck_assert_str_eq(hp_call_option(&call, "o"), "--dry-run");
  ck_assert_str_eq(hp_call_option(&call, "file"), "-x");
  ck_assert_str_eq(hp_call_option(&call, "dry-run"), "");
}
END_TEST

START_TEST(operands_anywhere) {
  ck_assert_int_eq(parse("a", "--dry-run", "-", "b", "--", "-o", "--help", NULL), 0);
  ck_assert_uint_eq(call.operands.count, 5);
  ck_assert_str_eq(call.operands.items[0], "a");
  ck_assert_str_eq(call.operands.items[1], "-");
  ck_assert_str_eq(call.operands.items[3], "-o");
  ck_assert_str_eq(call.operands.items[4], "--help");
  ck_assert(!call.help);
  ck_assert_int_eq(parse(NULL), 0);
  ck_assert_uint_eq(call.operands.count, 0);
  ck_assert_int_eq(hp_call_no_operands(&call), 0);
}
END_TEST

START_TEST(help_anywhere) {
  static const char *const spellings[] = {"-h", "--h", "-help", "--help"};
  for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
    ck_assert_int_eq(parse("a", "--dry-run", spellings[i], "b", NULL), 0);
    ck_assert(call.help);
  }
}
END_TEST

START_TEST(an_unknown_option_suggests) {
  ck_assert_int_eq(parse("--dry-rnu", NULL), -1);
  ck_assert_str_eq(said,
                   "containerd-shim-hostprocess-v1: look has no option --dry-rnu: did you mean --dry-run?\n");
  ck_assert_int_eq(parse("-outputt=json", NULL), -1);
  ck_assert_str_eq(said,
                   "containerd-shim-hostprocess-v1: look has no option --outputt: did you mean --output?\n");
  ck_assert_int_eq(parse("--hepl", NULL), -1);
  ck_assert_ptr_nonnull(strstr(said, "did you mean --help?"));
  ck_assert_int_eq(parse("-x", NULL), -1);
  ck_assert_str_eq(said,
                   "containerd-shim-hostprocess-v1: look has no option -x: \"containerd-shim-hostprocess-v1 "
                   "help look\" lists those it has\n");
  ck_assert_int_eq(parse("--file\x1b[31m", "a", NULL), -1);
  ck_assert_ptr_null(strchr(said, '\x1b'));
}
END_TEST

START_TEST(a_name_must_be_whole) {
  ck_assert_int_eq(parse("--dry", NULL), -1);
  ck_assert_int_eq(parse("--o|output", "json", NULL), -1);
  ck_assert_int_eq(parse("--FORMAT", "json", NULL), -1);
  ck_assert_int_eq(parse("---o", "json", NULL), -1);
}
END_TEST

START_TEST(values_missing_or_too_many) {
  ck_assert_int_eq(parse("--file", NULL), -1);
  ck_assert_str_eq(said, "containerd-shim-hostprocess-v1: option --file needs a value: "
                         "\"containerd-shim-hostprocess-v1 help look\" says which\n");
  ck_assert_int_eq(parse("-o", "--dry-run", NULL), -1);
  ck_assert_str_eq(said, "containerd-shim-hostprocess-v1: option -o needs a value, and has the option "
                         "--dry-run: write -o=--dry-run if it is meant\n");
  ck_assert_int_eq(parse("-o", "-file=x", "y", NULL), -1);
  ck_assert_int_eq(parse("--dry-run=yes", NULL), -1);
  ck_assert_ptr_nonnull(strstr(said, "option --dry-run takes no value: leave \"=yes\" out"));
}
END_TEST

START_TEST(what_all_commands_ask) {
  ck_assert_int_eq(parse("-o", "json", NULL), 0);
  ck_assert_int_eq(hp_call_json(&call), 1);
  ck_assert_int_eq(parse("-o", "text", NULL), 0);
  ck_assert_int_eq(hp_call_json(&call), 0);
  ck_assert_int_eq(parse(NULL), 0);
  ck_assert_int_eq(hp_call_json(&call), 0);
  ck_assert_int_eq(parse("-o", "yaml", "more", NULL), 0);
  struct capture capture = capture_begin(stderr);
  int json = hp_call_json(&call), none = hp_call_no_operands(&call);
  capture_end(&capture, said, sizeof said);
  ck_assert_int_eq(json, -1);
  ck_assert_int_eq(none, -1);
  ck_assert_str_eq(
      said, "containerd-shim-hostprocess-v1: option -o has the value \"yaml\": use json or text\n"
            "containerd-shim-hostprocess-v1: look takes options only: \"more\" is one word too many\n");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("cli/call");
  TCase *calls = tcase_create("call");
  tcase_add_checked_fixture(calls, NULL, tear_down);
  tcase_add_test(calls, options_in_every_spelling);
  tcase_add_test(calls, the_last_one_wins_and_a_value_may_look_like_an_option);
  tcase_add_test(calls, operands_anywhere);
  tcase_add_test(calls, help_anywhere);
  tcase_add_test(calls, an_unknown_option_suggests);
  tcase_add_test(calls, a_name_must_be_whole);
  tcase_add_test(calls, values_missing_or_too_many);
  tcase_add_test(calls, what_all_commands_ask);
  suite_add_tcase(suite, calls);
  return hp_run_suite(suite);
}
