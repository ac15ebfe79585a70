#include <stdlib.h>
#include <string.h>

#include "spec/json.h"
#include "support.h"

static const char text[] = "\n"                                    /* 1 */
                           "{ \"a\\n\\\"]\": \"x\\\\\", \"b\" :\n" /* 2 */
                           "\n"                                    /* 3 */
                           "  [ 1, {\"c\": [\n"                    /* 4 */
                           "    ]}, \"}\\n\",\n"                   /* 5 */
                           "    [[],\r\n"                          /* 6 */
                           "     true ]\n"                         /* 7 */
                           "  ], \"\\u0064\":{\"b\":0,\n"          /* 8 */
                           "     \"e\":18446744073709551615}}\n";  /* 9 */

static json_t *tree;
static struct hp_json root;

static void load(void) {
  struct hp_error err = HP_ERROR_INIT;
  tree = hp_json_load("it", text, strlen(text), 4096, &err);
  ck_assert_msg(tree != NULL, "%s", err.message);
  root = hp_json_root("", tree);
}

static void unload(void) {
  json_decref(tree);
}

static unsigned line(struct hp_json at) {
  return hp_json_line(text, strlen(text), &at);
}

START_TEST(test_members_and_elements) {
  struct hp_json b = hp_json_at(&root, "b"), d = hp_json_at(&root, "d"), second = hp_json_element(&b, 1),
                 fourth = hp_json_element(&b, 3);
  ck_assert_uint_eq(line(root), 2);
  ck_assert_uint_eq(line(hp_json_at(&root, "a\n\"]")), 2);
  ck_assert_uint_eq(line(b), 2);
  ck_assert_uint_eq(line(hp_json_element(&b, 0)), 4);
  ck_assert_uint_eq(line(hp_json_at(&second, "c")), 4);
  ck_assert_uint_eq(line(hp_json_element(&b, 2)), 5);
  ck_assert_uint_eq(line(fourth), 6);
  ck_assert_uint_eq(line(hp_json_element(&fourth, 1)), 7);
  ck_assert_uint_eq(line(d), 8); /* not the b before it; written with an escape */
  ck_assert_uint_eq(line(hp_json_at(&d, "b")), 8);
  ck_assert_uint_eq(line(hp_json_at(&d, "e")), 9);
}
END_TEST

START_TEST(test_what_is_not_there) {
  struct hp_json a = hp_json_at(&root, "a"), b = hp_json_at(&root, "b");
  ck_assert_uint_eq(line(a), 0);
  ck_assert_uint_eq(line(hp_json_at(&a, "x")), 0);
  ck_assert_uint_eq(line(hp_json_element(&b, 4)), 0);
  ck_assert_uint_eq(line(hp_json_at(&b, "x")), 0);
  ck_assert_uint_eq(line(hp_json_element(&root, 0)), 0);
}
END_TEST

/* Cut anywhere, the walk ends within the text; ASan and valgrind look on. */
START_TEST(test_cut) {
  struct hp_json d = hp_json_at(&root, "d"), e = hp_json_at(&d, "e");
  for (size_t length = 0; length < strlen(text); length++) {
    char *cut = hp_alloc(length + 1);
    memcpy(cut, text, length);
    char *exact = length ? realloc(cut, length) : cut;
    unsigned found = hp_json_line(exact, length, &e);
    ck_assert_msg(found == 0 || found == 9, "%zu bytes: %u", length, found);
    free(exact);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_json_line");
  TCase *lines = tcase_create("lines");
  tcase_add_checked_fixture(lines, load, unload);
  tcase_add_test(lines, test_members_and_elements);
  tcase_add_test(lines, test_what_is_not_there);
  tcase_add_test(lines, test_cut);
  suite_add_tcase(suite, lines);
  return hp_run_suite(suite);
}
