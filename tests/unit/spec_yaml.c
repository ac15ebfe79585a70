/* YAML is taken as Kubernetes' own tools take it, and no further than the bounds. */
#include "spec/yaml.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

static void reads(const char *text, const char *json) {
  struct hp_yaml yaml;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_yaml_load("f", text, strlen(text), &yaml, &err) == 0, "%s\n%s", text, err.message);
  char *got = json_dumps(yaml.documents, JSON_COMPACT | JSON_SORT_KEYS);
  ck_assert_str_eq(got, json);
  free(got);
  hp_yaml_clear(&yaml);
}

static void refuses(const char *text, const char *message) {
  struct hp_yaml yaml;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_yaml_load("f", text, strlen(text), &yaml, &err) == -1, "accepted: %s", text);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message, message);
  ck_assert_ptr_null(yaml.documents);
  hp_error_clear(&err);
}

static const struct {
  const char *yaml, *json;
} scalars[] = {
    /* booleans and null */
    {"[y, Y, yes, Yes, YES, true, True, TRUE, on, On, ON]",
     "[[true,true,true,true,true,true,true,true,true,true,true]]"},
    {"[n, N, no, No, NO, false, False, FALSE, off, Off, OFF]",
     "[[false,false,false,false,false,false,false,false,false,false,false]]"},
    {"[yEs, tRUE, oN, 'yes', \"on\", !!str no]", "[[\"yEs\",\"tRUE\",\"oN\",\"yes\",\"on\",\"no\"]]"},
    {"[~, null, Null, NULL, '', 'null', nUll]", "[[null,null,null,null,\"\",\"null\",\"nUll\"]]"},
    {"a:\nb: \n", "[{\"a\":null,\"b\":null}]"},
    /* numbers */
    {"[0, -1, +5, 0644, 0o17, 0x1F, 0b101, -0b11, 1_000]", "[[0,-1,5,420,15,31,5,-3,1000]]"},
    {"[08, 1e3, 1.5, .5, 5., -1.5e-3, 1.0]", "[[8,1000,1.5,0.5,5,-0.0015,1]]"},
    {"[9223372036854775807, -9223372036854775808]", "[[9223372036854775807,-9223372036854775808]]"},
    {"[\"5\", '0x1F', 1.2.3, 100m, 1Gi, -, +, ., 1:30, 2001-12-14, 0x, 0b2, 1e, e3]",
     "[[\"5\",\"0x1F\",\"1.2.3\",\"100m\",\"1Gi\",\"-\",\"+\",\".\",\"1:30\",\"2001-12-14\",\"0x\",\"0b2\","
     "\"1e\",\"e3\"]]"},
    {"[!!int 5, !!float 5, !!bool yes, !!null ~, !!str 5, ! 5, !x 5]", "[[5,5,true,null,\"5\",\"5\",\"5\"]]"},
    {"NT AUTHORITY\\Local service", "[\"NT AUTHORITY\\\\Local service\"]"},
    {"\"C:\\\\hpc\"", "[\"C:\\\\hpc\"]"},
    {"|\n  a\n  b\n", "[\"a\\nb\\n\"]"},
    {">-\n  a\n  b\n", "[\"a b\"]"},
    /* keys become text */
    {"{1: a, on: b, 1.5: c, 0x10: d, \"x y\": e}",
     "[{\"1\":\"a\",\"1.5\":\"c\",\"16\":\"d\",\"true\":\"b\",\"x y\":\"e\"}]"},
    /* documents */
    {"", "[]"},
    {"---\n---\na: 1\n---\n# only a comment\n---\n- b\n...\n", "[{\"a\":1},[\"b\"]]"},
    {"{\"a\": [1, {\"b\": null}]}", "[{\"a\":[1,{\"b\":null}]}]"},
    /* aliases and merge keys */
    {"a: &x {b: 1}\nc: *x\nd: [*x, *x]", "[{\"a\":{\"b\":1},\"c\":{\"b\":1},\"d\":[{\"b\":1},{\"b\":1}]}]"},
    {"a: &x 1\nb: &x 2\nc: *x", "[{\"a\":1,\"b\":2,\"c\":2}]"},
    {"a: &x {b: 1, c: 2}\nd:\n  b: 3\n  <<: *x", "[{\"a\":{\"b\":1,\"c\":2},\"d\":{\"b\":3,\"c\":2}}]"},
    {"<<: [{a: 1}, {a: 2, b: 3}]\nc: 4", "[{\"a\":1,\"b\":3,\"c\":4}]"},
    {"'<<': 1", "[{\"<<\":1}]"},
};

START_TEST(test_reads) {
  reads(scalars[_i].yaml, scalars[_i].json);
}
END_TEST

#define TAGGED(text)                                                                                         \
  "f, line 1: \"" text "\" is not what its tag says, or nothing that JSON can hold: write it in quotes"

static const struct {
  const char *yaml, *message;
} refusals[] = {
    {"a: 1\nb: 2\na: 3\n", "f, line 3: the key \"a\" is in its mapping twice: remove one"},
    {"{on: 1, yes: 2}", "f, line 1: the key \"true\" is in its mapping twice: remove one"},
    {"~: 1", "f, line 1: a key is null: it must be text"},
    {"? [a]\n: 1", "f, line 1: a key is a mapping or a list: it must be text"},
    {"&a x: 1\n*a : 2", "f, line 2: a key is an alias: it must be text"},
    {"a: *x", "f, line 1: an alias names an anchor that is not there"},
    {"a: &x 1\n---\nb: *x", "f, line 3: an alias names an anchor that is not there"},
    {"a: &x [*x]", "f, line 1: an alias stands within what it names"},
    {"<<: 1", "f, line 1: << takes a mapping or a list of mappings"},
    {"<<: [1]", "f, line 1: << takes a mapping or a list of mappings"},
    {".inf", TAGGED(".inf")},
    {"!!int x", TAGGED("x")},
    {"!!binary aGk=", TAGGED("aGk=")},
    {"\"a\\0b\"", TAGGED("a")},
    {"a: b: c", "f is not valid YAML: line 1 column 5: mapping values are not allowed in this context"},
    {"[1, 2", "f is not valid YAML: line 2 column 1: did not find expected ',' or ']'"},
    {"\x80", "f is not valid YAML: byte 0: invalid leading UTF-8 octet"},
};

START_TEST(test_refuses) {
  refuses(refusals[_i].yaml, refusals[_i].message);
}
END_TEST

static char *repeat(const char *text, size_t count, const char *end) {
  size_t length = strlen(text);
  char *all = hp_alloc(count * length + strlen(end) + 1);
  for (size_t i = 0; i < count; i++)
    memcpy(all + i * length, text, length);
  memcpy(all + count * length, end, strlen(end));
  return all;
}

START_TEST(test_bounds) {
  char *text = repeat("[", 64, "");
  char *closed =
      hp_printf("%s%.*s", text, 64, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
  struct hp_yaml yaml;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_yaml_load("f", closed, strlen(closed), &yaml, &err), 0);
  hp_yaml_clear(&yaml);
  free(text);
  free(closed);

  text = repeat("[", 65, "");
  refuses(text, "f, line 1: it is nested more than 64 levels deep: at most 64 are read");
  free(text);

  text = repeat("- &a 1\n", 257, "");
  refuses(text, "f, line 257: more than 256 anchors are in one document: use fewer");
  free(text);

  text = repeat("- 1\n", HP_YAML_VALUES_MAX, "");
  refuses(text, "f, line 262144: more than 262144 values (aliases counted as what they stand for): make it "
                "smaller");
  free(text);

  /* A thousand million laughs of few bytes. */
  refuses("- &a [ha,ha,ha,ha,ha,ha,ha,ha,ha,ha]\n- &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
          "- &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n- &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
          "- &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n- &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
          "f, line 6: more than 262144 values (aliases counted as what they stand for): make it smaller");

  /* Long text by few aliases. */
  char *long_text = repeat("x", 1u << 20, "");
  text = hp_printf("- &a %s\n- [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n- *a\n", long_text);
  refuses(text,
          "f, line 3: more than 16777216 bytes of text (aliases counted as what they stand for): make it "
          "smaller");
  free(text);
  free(long_text);

  text = repeat(" ", HP_YAML_MAX, " ");
  refuses(text, "f has 4194305 bytes: at most 4194304 are read, make it smaller");
  free(text);
}
END_TEST

START_TEST(test_lines) {
  static const char text[] = "# a comment\na:\n  - b: 1\n  - c: 2\n---\nd: 3\n";
  struct hp_yaml yaml;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_yaml_load("f", text, strlen(text), &yaml, &err), 0);
  const json_t *first = json_array_get(yaml.documents, 0);
  ck_assert_uint_eq(hp_yaml_line(&yaml, first), 2);
  ck_assert_uint_eq(hp_yaml_line(&yaml, json_array_get(json_object_get(first, "a"), 1)), 4);
  ck_assert_uint_eq(hp_yaml_line(&yaml, json_array_get(yaml.documents, 1)), 6);
  ck_assert_uint_eq(hp_yaml_line(&yaml, NULL), 0);
  hp_yaml_clear(&yaml);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_yaml");
  TCase *tcase = tcase_create("yaml");
  tcase_add_loop_test(tcase, test_reads, 0, (int)(sizeof scalars / sizeof scalars[0]));
  tcase_add_loop_test(tcase, test_refuses, 0, (int)(sizeof refusals / sizeof refusals[0]));
  tcase_add_test(tcase, test_bounds);
  tcase_add_test(tcase, test_lines);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
