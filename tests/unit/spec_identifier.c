#include "spec/identifier.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

static void accepts(const char *value) {
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_identifier_check("container id", value, &err) == 0, "%s", err.message);
}

static void refuses(const char *value, const char *message) {
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_identifier_check("container id", value, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message, message);
  hp_error_clear(&err);
}

#define INVALID(shown)                                                                                       \
  "container id \"" shown "\" is not valid: use letters and digits, with single . _ or - between them"

START_TEST(test_accepts_containerd_names) {
  accepts("a");
  accepts("k8s.io");
  accepts("0-1_2.3");
  accepts("f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f");
  char longest[77];
  memset(longest, 'x', 76);
  longest[76] = 0;
  accepts(longest);
}
END_TEST

START_TEST(test_refuses_the_rest) {
  refuses(NULL, "container id is empty: give it a name");
  refuses("", "container id is empty: give it a name");
  refuses("..", INVALID(".."));
  refuses("a/b", INVALID("a/b"));
  refuses("../a", INVALID("../a"));
  refuses("-a", INVALID("-a"));
  refuses("a-", INVALID("a-"));
  refuses("a--b", INVALID("a--b"));
  refuses("a b", INVALID("a b"));
  refuses("a\n", INVALID("a\\x0a"));
  refuses("\xc3\xa9", INVALID("\xc3\xa9"));
  char *longer = malloc(1 << 20);
  memset(longer, 'x', (1 << 20) - 1);
  longer[(1 << 20) - 1] = 0;
  refuses(longer,
          "container id \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\" "
          "is too long: at most 76 characters are allowed");
  free(longer);
}
END_TEST

static void hashes(const void *data, size_t length, const char *expected) {
  char hex[65];
  hp_sha256_hex(data, length, hex);
  ck_assert_str_eq(hex, expected);
}

/* FIPS 180-4's examples, and the lengths at which the padding changes form
 * (reference values from sha256sum). */
START_TEST(test_sha256) {
  hashes("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  hashes("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  hashes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  char *many = malloc(1000000);
  memset(many, 'a', 1000000);
  hashes(many, 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  hashes(many, 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
  hashes(many, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  free(many);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_identifier");
  TCase *names = tcase_create("names"), *hash = tcase_create("sha256");
  tcase_add_test(names, test_accepts_containerd_names);
  tcase_add_test(names, test_refuses_the_rest);
  tcase_add_test(hash, test_sha256);
  suite_add_tcase(suite, names);
  suite_add_tcase(suite, hash);
  return hp_run_suite(suite);
}
