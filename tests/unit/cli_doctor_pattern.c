/* Patterns as Go's path.Match reads them; the rows were asked of Go 1.26. */
#include <check.h>
#include <string.h>

#include "cli/doctor.h"
#include "support.h"

#define NAME "microsoft.com/hostprocess-container"

static const struct {
  const char *pattern, *name;
  bool matches;
} rows[] = {
    {"*", NAME, false},
    {"mic*", NAME, false},
    {"*hostprocess-container", NAME, false},
    {"**", NAME, false},
    {"microsoft.com?hostprocess-container", NAME, false},
    {"microsoft.com/", NAME, false},
    {"", NAME, false},
    {NAME, NAME, true},
    {NAME "*", NAME, true},
    {NAME "?", NAME, false},
    {NAME "\\", NAME, false},
    {NAME "[", NAME, false},
    {"*/*", NAME, true},
    {"*/**", NAME, true},
    {"*/*/*", NAME, false},
    {"*/hostprocess-*", NAME, true},
    {"*.com/*-c*r", NAME, true},
    {"microsoft.co?/host*", NAME, true},
    {"[m]icrosoft.com/*", NAME, true},
    {"[^n-z]icrosoft.com/*", NAME, true},
    {"[^a-m]icrosoft.com/*", NAME, false},
    {"[x-zl-n]icrosoft.com/*", NAME, true},
    {"[\\m]icrosoft.com/*", NAME, true},
    {"[\\l-\\n]icrosoft.com/*", NAME, true},
    {"[m\\]]icrosoft.com/*", NAME, true},
    {"microsoft.com[/]hostprocess-*", NAME, true},
    {"[a-\xc2\xb5]icrosoft.com/*", NAME, true},
    {"\\microsoft\\.com/*", NAME, true},
    {"microsoft.com/\\*", NAME, false},
    {"a\\*b", "a*b", true},
    {"a[*]b", "a*b", true},
    {"a[*]b", "axb", false},
    {"[^^]", "^", false},
    {"[a^]", "^", true},
    /* malformed classes */
    {"[]m]icrosoft.com/*", NAME, false},
    {"[m-]icrosoft.com/*", NAME, false},
    {"[-m]icrosoft.com/*", NAME, false},
    {"[]icrosoft.com/*", NAME, false},
    {"[^]icrosoft.com/*", NAME, false},
    {"[m", NAME, false},
    {"[m\\", NAME, false},
    {"[m-", NAME, false},
    {"*[", NAME, false},
    /* the last star alone moves on */
    {"*a*b", "xaxb", true},
    {"*a*b", "xa/b", false},
    {"*[^x]*b", "ac/db", false},
    {"*ab", "aab", true},
    {"*", "", true},
    {"", "", true},
    {"?", "", false},
};

START_TEST(what_go_takes) {
  ck_assert_msg(hp_doctor_matches(rows[_i].pattern, rows[_i].name) == rows[_i].matches, "%s of %s",
                rows[_i].pattern, rows[_i].name);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("cli/doctor_pattern");
  TCase *patterns = tcase_create("patterns");
  tcase_add_loop_test(patterns, what_go_takes, 0, (int)(sizeof rows / sizeof rows[0]));
  suite_add_tcase(suite, patterns);
  return hp_run_suite(suite);
}
