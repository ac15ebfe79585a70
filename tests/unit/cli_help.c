/* The help of every command, and the manual page that is committed. */
#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "support.h"

#define TEXT_MAX (128 * 1024)

static char out[TEXT_MAX], err[4096];

/* One call of the program; what it printed is in out and err. */
static int run(char **words) {
  int argc = 0;
  while (words[argc])
    argc++;
  struct capture errors = capture_begin(stderr), output = capture_begin(stdout);
  int status = hp_cli_main(argc, words);
  capture_end(&output, out, sizeof out);
  capture_end(&errors, err, sizeof err);
  return status;
}

static void check_lines(const char *text) {
  for (const char *line = text; *line;) {
    size_t length = strcspn(line, "\n");
    ck_assert_msg(line[length] == '\n', "the last line has no end");
    ck_assert_msg(length == 0 || line[length - 1] != ' ', "a blank ends \"%.*s\"", (int)length, line);
    for (size_t i = 0; i < length; i++)
      ck_assert_msg(isprint((unsigned char)line[i]), "byte 0x%02x in help", (unsigned char)line[i]);
    line += length + 1;
  }
}

START_TEST(no_word_at_all_is_a_short_usage) {
  ck_assert_int_eq(run((char *[]){"containerd-shim-hostprocess-v1", NULL}), 2);
  ck_assert_str_eq(out, "");
  ck_assert_ptr_nonnull(strstr(err, "usage: containerd-shim-hostprocess-v1 COMMAND"));
  ck_assert_ptr_nonnull(strstr(err, "\n  start "));
  check_lines(err);
}
END_TEST

START_TEST(help_in_every_spelling) {
  static char first[TEXT_MAX];
  ck_assert_int_eq(run((char *[]){"p", "help", NULL}), 0);
  strcpy(first, out);
  check_lines(out);
  ck_assert_str_eq(err, "");
  static const char *const spellings[] = {"-h", "--h", "-help", "--help"};
  for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
    ck_assert_int_eq(run((char *[]){"p", (char *)(uintptr_t)spellings[i], NULL}), 0);
    ck_assert_str_eq(out, first);
  }
}
END_TEST

START_TEST(every_command_has_a_page) {
  size_t count;
  const struct hp_command *commands = hp_commands(&count);
  for (size_t i = 0; i < count; i++) {
    static char page[TEXT_MAX];
    char *name = (char *)(uintptr_t)commands[i].name;
    ck_assert_int_eq(run((char *[]){"p", "help", name, NULL}), 0);
    ck_assert_str_eq(err, "");
    check_lines(out);
    strcpy(page, out);
    ck_assert_ptr_nonnull(strstr(page, "\nUsage:\n  containerd-shim-hostprocess-v1 "));
    ck_assert_ptr_nonnull(strstr(page, "\nExit status:\n  0  "));
    ck_assert_ptr_nonnull(strstr(page, "\n  2  "));
    ck_assert(!commands[i].options[0] || strstr(page, "\nOptions:\n  -"));
    ck_assert_int_eq(run((char *[]){"p", name, "--help", NULL}), 0);
    ck_assert_str_eq(out, page);
    ck_assert_int_eq(run((char *[]){"p", name, "-h", NULL}), 0);
    ck_assert_str_eq(out, page);
    if (commands[i].containerds) {
      ck_assert_int_eq(run((char *[]){"p", "-namespace", "n", "-help", name, NULL}), 0);
      ck_assert_str_eq(out, page);
    }
  }
}
END_TEST

/* The table says of containerd's flags what flags.c reads. */
START_TEST(containerds_flags_are_those_that_are_read) {
  struct hp_item item;
  int seen = 0;
  for (const char *options = hp_command_find("start")->options; hp_item_next(&options, &item); seen++) {
    char flag[64];
    size_t name = strcspn(item.label, " \t");
    snprintf(flag, sizeof flag, "-%.*s", (int)name, item.label);
    char *value = item.label[name] == ' ' ? "x" : NULL;
    struct hp_flags flags;
    ck_assert_int_eq(hp_flags_parse(value ? 3 : 2, (char *[]){"p", flag, value, NULL}, &flags), 0);
    ck_assert_ptr_null(flags.verb);
  }
  ck_assert_int_ge(seen, 7);
}
END_TEST

START_TEST(what_is_not_known_suggests) {
  ck_assert_int_eq(run((char *[]){"p", "strat", NULL}), 2);
  ck_assert_str_eq(err,
                   "containerd-shim-hostprocess-v1: command \"strat\" is not known: did you mean start?\n");
  ck_assert_int_eq(run((char *[]){"p", "help", "strat", NULL}), 2);
  ck_assert_ptr_nonnull(strstr(err, "did you mean start?"));
  ck_assert_int_eq(run((char *[]){"p", "-namespace", "n", "-id", "c", "strat", NULL}), 2);
  ck_assert_ptr_nonnull(strstr(err, "did you mean start?"));
  ck_assert_int_eq(run((char *[]){"p", "\x1b[31mred", NULL}), 2);
  ck_assert_str_eq(err, "containerd-shim-hostprocess-v1: command \"\\x1b[31mred\" is not known: "
                        "\"containerd-shim-hostprocess-v1 help\" lists them\n");
  ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(a_command_in_the_wrong_place) {
  ck_assert_int_eq(run((char *[]){"p", "-debug", "version", NULL}), 2);
  ck_assert_ptr_nonnull(strstr(err, "version comes before its options"));
  ck_assert_int_eq(run((char *[]){"p", "serve", NULL}), 2);
  ck_assert_ptr_nonnull(strstr(err, "serve is for this program itself"));
  ck_assert_int_eq(run((char *[]){"p", "-debug", NULL}), 2);
  ck_assert_ptr_nonnull(strstr(err, "no verb is given"));
}
END_TEST

START_TEST(the_version_in_every_spelling) {
  static char first[TEXT_MAX];
  ck_assert_int_eq(run((char *[]){"p", "version", NULL}), 0);
  ck_assert_ptr_nonnull(strstr(out, "Version:"));
  strcpy(first, out);
  ck_assert_int_eq(run((char *[]){"p", "-v", NULL}), 0);
  ck_assert_str_eq(out, first);
  ck_assert_int_eq(run((char *[]){"p", "--version", NULL}), 0);
  ck_assert_str_eq(out, first);
}
END_TEST

#if defined(__linux__)
START_TEST(the_committed_manual_page_is_what_the_program_writes) {
  static char committed[TEXT_MAX];
  FILE *file = fopen(MANUAL_PAGE, "r");
  ck_assert_ptr_nonnull(file);
  committed[fread(committed, 1, sizeof committed - 1, file)] = 0;
  fclose(file);
  ck_assert_int_eq(run((char *[]){"p", "help", "--man", NULL}), 0);
  ck_assert_msg(strcmp(out, committed) == 0,
                "%s is old: write it anew with \"containerd-shim-hostprocess-v1 help --man\"", MANUAL_PAGE);
}
END_TEST
#endif

int main(void) {
  Suite *suite = suite_create("cli/help");
  TCase *help = tcase_create("help");
  tcase_add_test(help, no_word_at_all_is_a_short_usage);
  tcase_add_test(help, help_in_every_spelling);
  tcase_add_test(help, every_command_has_a_page);
  tcase_add_test(help, containerds_flags_are_those_that_are_read);
  tcase_add_test(help, what_is_not_known_suggests);
  tcase_add_test(help, a_command_in_the_wrong_place);
  tcase_add_test(help, the_version_in_every_spelling);
#if defined(__linux__)
  tcase_add_test(help, the_committed_manual_page_is_what_the_program_writes);
#endif
  suite_add_tcase(suite, help);
  return hp_run_suite(suite);
}
