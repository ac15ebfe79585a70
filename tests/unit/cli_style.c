#include <check.h>
#include <stdlib.h>

#include "cli/style.h"
#include "support.h"

#if defined(__linux__)
#include <fcntl.h>
#include <unistd.h>

/* Standard output is a terminal of its own while it is asked. */
static const char *style_on_terminal(const char *term, const char *no_color) {
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  ck_assert_int_ge(master, 0);
  ck_assert_int_eq(grantpt(master), 0);
  ck_assert_int_eq(unlockpt(master), 0);
  int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  int saved = dup(STDOUT_FILENO);
  dup2(slave, STDOUT_FILENO);
  setenv("TERM", term, 1);
  setenv("NO_COLOR", no_color, 1);
  const char *style = hp_style(HP_STYLE_BAD);
  dup2(saved, STDOUT_FILENO);
  close(saved);
  close(slave);
  close(master);
  return style;
}

START_TEST(a_terminal_has_colours) {
  ck_assert_str_eq(style_on_terminal("xterm", ""), "\x1b[31m");
  ck_assert_str_eq(style_on_terminal("xterm", "1"), "");
  ck_assert_str_eq(style_on_terminal("dumb", ""), "");
}
END_TEST
#endif

START_TEST(a_file_has_none) {
  ck_assert_str_eq(hp_style(HP_STYLE_GOOD), "");
  ck_assert_str_eq(hp_style(HP_STYLE_END), "");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("cli/style");
  TCase *style = tcase_create("style");
#if defined(__linux__)
  tcase_add_test(style, a_terminal_has_colours);
#endif
  tcase_add_test(style, a_file_has_none);
  suite_add_tcase(suite, style);
  return hp_run_suite(suite);
}
