#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

static const struct {
  const char *text;
  size_t length;
} sequences[] = {
    {"", 0},
    {"a", 1},
    {"\x7f", 1},
    {"\xc3\xa9", 2},
    {"\xe2\x82\xac", 3},
    {"\xf0\x9f\x98\x80", 4},
    {"\xf4\x8f\xbf\xbf", 4},
    {"\x80", 0},             /* a continuation alone */
    {"\xc0\x80", 0},         /* overlong NUL */
    {"\xc1\xbf", 0},         /* overlong */
    {"\xe0\x9f\xbf", 0},     /* overlong */
    {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
    {"\xed\xa0\x80", 0},     /* surrogate */
    {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
    {"\xf5\x80\x80\x80", 0},
    {"\xe2\x82", 0}, /* cut */
    {"\xf0\x9f\x98", 0},
    {"\xc3", 0},
    {"\xff", 0},
};

START_TEST(test_sequence) {
  char *exact = strdup(sequences[_i].text); /* on the heap, for the sanitizer to see its end */
  ck_assert_uint_eq(hp_utf8_sequence(exact), sequences[_i].length);
  free(exact);
}
END_TEST

static const struct {
  const char *text, *printable;
} texts[] = {
    {"", ""},
    {"plain \xc3\xa9 \xf0\x9f\x98\x80", "plain \xc3\xa9 \xf0\x9f\x98\x80"},
    {"a\tb\r\n", "a\\x09b\\x0d\\x0a"},
    {"\x7f", "\\x7f"},
    {"\xc2\x9b", "\\xc2\\x9b"}, /* C1: a terminal's CSI */
    {"\xc2\xa0", "\xc2\xa0"},
    {"\xff\xe2\x82", "\\xff\\xe2\\x82"},
    {"\xe2\x82z", "\\xe2\\x82z"},
};

START_TEST(test_printable) {
  char *printable = hp_utf8_printable(texts[_i].text);
  ck_assert_str_eq(printable, texts[_i].printable);
  free(printable);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("base_utf8");
  TCase *tcase = tcase_create("utf8");
  tcase_add_loop_test(tcase, test_sequence, 0, (int)(sizeof sequences / sizeof sequences[0]));
  tcase_add_loop_test(tcase, test_printable, 0, (int)(sizeof texts / sizeof texts[0]));
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
