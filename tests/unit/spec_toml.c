#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "spec/toml.h"
#include "support.h"

static struct hp_error err;

static void tear_down(void) {
  hp_error_clear(&err);
}

/* The text as compact JSON with sorted keys; a static buffer. */
static const char *json_of(const char *text) {
  static char buffer[4096];
  json_t *parsed = hp_toml_parse(text, strlen(text), &err);
  ck_assert_msg(parsed != NULL, "%s: %s", text, err.message);
  char *json = json_dumps(parsed, JSON_COMPACT | JSON_SORT_KEYS);
  ck_assert_uint_lt(strlen(json), sizeof buffer);
  strcpy(buffer, json);
  free(json);
  json_decref(parsed);
  return buffer;
}

START_TEST(what_a_configuration_holds) {
  ck_assert_str_eq(json_of(""), "{}");
  ck_assert_str_eq(json_of("\xef\xbb\xbf# nothing\r\n\r\n  \t\n"), "{}");
  ck_assert_str_eq(json_of("version = 3\nroot='/var/lib'\noom_score = -999\ndebug=true # yes"),
                   "{\"debug\":true,\"oom_score\":-999,\"root\":\"/var/lib\",\"version\":3}");
  ck_assert_str_eq(json_of("[a]\nx=1\n[a.b]\ny=2\n[c]\n[a.\"d.e\" . 'f']\nz=3\n"),
                   "{\"a\":{\"b\":{\"y\":2},\"d.e\":{\"f\":{\"z\":3}},\"x\":1},\"c\":{}}");
  ck_assert_str_eq(json_of("a.b.c = 1\na.b.d = 2\n"), "{\"a\":{\"b\":{\"c\":1,\"d\":2}}}");
}
END_TEST

START_TEST(arrays_and_inline_tables) {
  ck_assert_str_eq(json_of("a = []\nb = [ 1, 'x', [true] , ]\n"), "{\"a\":[],\"b\":[1,\"x\",[true]]}");
  ck_assert_str_eq(json_of("a = [ # first\n  'x',\n\n  'y' # last\n]\nb=1"), "{\"a\":[\"x\",\"y\"],\"b\":1}");
  ck_assert_str_eq(json_of("t = { a = 1, b.c = 'x' }\nu={}"),
                   "{\"t\":{\"a\":1,\"b\":{\"c\":\"x\"}},\"u\":{}}");
  ck_assert_str_eq(json_of("[[p]]\nn=1\n[p.q]\nm=2\n[[p]]\nn=3\n"),
                   "{\"p\":[{\"n\":1,\"q\":{\"m\":2}},{\"n\":3}]}");
}
END_TEST

START_TEST(strings) {
  ck_assert_str_eq(json_of("a = \"x\\\"y\\\\z\\t\\u00e9\\U0001F600\""),
                   "{\"a\":\"x\\\"y\\\\z\\t\xc3\xa9\xf0\x9f\x98\x80\"}");
  ck_assert_str_eq(json_of("a = 'C:\\Program Files\\x'"), "{\"a\":\"C:\\\\Program Files\\\\x\"}");
  ck_assert_str_eq(json_of("a = \"\"\"\none\ntwo \\\n    three\"\"\"\nb = '''\nraw \\n'''\n"),
                   "{\"a\":\"one\\ntwo three\",\"b\":\"raw \\\\n\"}");
  ck_assert_str_eq(json_of("a = \"\""), "{\"a\":\"\"}");
}
END_TEST

START_TEST(what_json_has_no_word_for_is_text) {
  ck_assert_str_eq(json_of("a = 1979-05-27T07:32:00Z\nb = 1.5\nc = inf\nd = 0x1F\n"),
                   "{\"a\":\"1979-05-27T07:32:00Z\",\"b\":\"1.5\",\"c\":\"inf\",\"d\":\"0x1F\"}");
}
END_TEST

static const struct refusal {
  const char *text, *message;
} refusals[] = {
    {"a", "line 1: a key has no = after it"},
    {"\n\na = ", "line 3: a value is missing or not understood"},
    {"a = b", "line 1: a value is not understood: a text wants quotation marks"},
    {"a = 1 b = 2", "line 1: there is more than one thing in it"},
    {"a = 'x", "line 1: a string has no end"},
    {"a = \"x\ny\"", "line 1: a string has no end"},
    {"a = \"\"\"x\n", "line 2: a string has no end"},
    {"a = \"\\q\"", "line 1: what follows a backslash is not understood"},
    {"a = \"\\ud800\"", "line 1: a character's number is that of none"},
    {"a = \"\\u12\"", "line 1: a character's number has too few digits"},
    {"a = [1", "line 1: an array has no comma or no end"},
    {"a = [1 2]", "line 1: an array has no comma or no end"},
    {"a = [,]", "line 1: a value is missing or not understood"},
    {"a = {b = 1", "line 1: a table in braces has no comma or no end"},
    {"a = 1\na = 2", "line 2: a key is there for the second time"},
    {"a = 1\n[a]", "line 2: a key is both a value and a table"},
    {"[a]\n[a]", "line 2: a table is there for the second time"},
    {"[a", "line 1: a table's name has no ] after it"},
    {"[a]]", "line 1: there is more than one thing in it"},
    {"[]", "line 1: a key is missing, or has characters that want quotation marks"},
    {"a = {}\n[[a]]", "line 2: an array of tables is something else before"},
    {"= 1", "line 1: a key is missing, or has characters that want quotation marks"},
    {"a = \"\xff\"", "line 1: a string is not UTF-8"},
    {"\"\xff\" = 1", "line 1: a key is not UTF-8"},
};

START_TEST(what_is_not_understood_is_named_with_its_line) {
  const struct refusal *refusal = &refusals[_i];
  ck_assert_ptr_null(hp_toml_parse(refusal->text, strlen(refusal->text), &err));
  ck_assert_str_eq(err.message, refusal->message);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
}
END_TEST

START_TEST(depth_is_bounded) {
  char text[4096] = "a = ";
  memset(text + 4, '[', 2000);
  ck_assert_ptr_null(hp_toml_parse(text, 2004, &err));
  ck_assert_str_eq(err.message, "line 1: arrays and tables are nested too deep");
  hp_error_clear(&err);
  for (size_t i = 0; i < 2000; i += 2)
    memcpy(text + i, "a.", 2);
  ck_assert_ptr_null(hp_toml_parse(text, 2000, &err));
  ck_assert_str_eq(err.message, "line 1: a key has too many parts");
}
END_TEST

START_TEST(the_length_is_the_end) {
  json_t *parsed = hp_toml_parse("a = 12", 5, &err);
  ck_assert_int_eq(json_integer_value(json_object_get(parsed, "a")), 1);
  json_decref(parsed);
  ck_assert_ptr_null(hp_toml_parse("a = 1\0", 6, &err));
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec/toml");
  TCase *toml = tcase_create("toml");
  tcase_add_checked_fixture(toml, NULL, tear_down);
  tcase_add_test(toml, what_a_configuration_holds);
  tcase_add_test(toml, arrays_and_inline_tables);
  tcase_add_test(toml, strings);
  tcase_add_test(toml, what_json_has_no_word_for_is_text);
  tcase_add_loop_test(toml, what_is_not_understood_is_named_with_its_line, 0,
                      sizeof refusals / sizeof refusals[0]);
  tcase_add_test(toml, depth_is_bounded);
  tcase_add_test(toml, the_length_is_the_end);
  suite_add_tcase(suite, toml);
  return hp_run_suite(suite);
}
