#include "base/memory.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

START_TEST(test_alloc_is_zeroed) {
  unsigned char *memory = hp_alloc(1000);
  for (size_t i = 0; i < 1000; i++)
    ck_assert_uint_eq(memory[i], 0);
  free(memory);
  memory = hp_alloc(0);
  ck_assert_ptr_nonnull(memory);
  free(memory);
}
END_TEST

START_TEST(test_realloc_keeps_content) {
  int *numbers = hp_realloc_array(NULL, 2, sizeof *numbers);
  numbers[0] = 4;
  numbers[1] = 5;
  numbers = hp_realloc_array(numbers, 1000, sizeof *numbers);
  ck_assert_int_eq(numbers[0], 4);
  ck_assert_int_eq(numbers[1], 5);
  free(numbers);
}
END_TEST

#if !defined(_WIN32) /* Check cannot watch a signal there */
START_TEST(test_realloc_overflow_aborts) {
  free(hp_realloc_array(NULL, (size_t)-1 / 2, 4));
}
END_TEST
#endif

START_TEST(test_text) {
  char *text = hp_strdup("abc"), *part = hp_strndup("abcdef", 2), *line = hp_printf("%s-%d", "x", 7);
  ck_assert_str_eq(text, "abc");
  ck_assert_str_eq(part, "ab");
  ck_assert_str_eq(line, "x-7");
  ck_assert_ptr_null(hp_strdup(NULL));
  free(text);
  free(part);
  free(line);
}
END_TEST

START_TEST(test_strings_grow) {
  struct hp_strings list = {0};
  for (int i = 0; i < 1000; i++) {
    hp_strings_take(&list, hp_printf("%d", i));
    ck_assert_uint_eq(list.count, (size_t)i + 1);
    ck_assert_ptr_null(list.items[list.count]);
  }
  ck_assert_str_eq(list.items[0], "0");
  ck_assert_str_eq(list.items[999], "999");
  ck_assert(hp_strings_has(&list, "500"));
  ck_assert(!hp_strings_has(&list, "1000"));
  hp_strings_clear(&list);
  ck_assert_ptr_null(list.items);
  ck_assert(!hp_strings_has(&list, "0"));
}
END_TEST

START_TEST(test_strings_copy) {
  struct hp_strings from = {0}, to = {0};
  hp_strings_add(&from, "b");
  hp_strings_add(&to, "a");
  hp_strings_copy(&to, &from);
  hp_strings_clear(&from);
  ck_assert_uint_eq(to.count, 2);
  ck_assert_str_eq(to.items[1], "b");
  hp_strings_clear(&to);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("base_memory");
  TCase *tcase = tcase_create("memory");
  tcase_add_test(tcase, test_alloc_is_zeroed);
  tcase_add_test(tcase, test_realloc_keeps_content);
  tcase_add_test(tcase, test_text);
  tcase_add_test(tcase, test_strings_grow);
  tcase_add_test(tcase, test_strings_copy);
  suite_add_tcase(suite, tcase);
#if !defined(_WIN32)
  const char *fork = getenv("CK_FORK");
  if (!fork || strcmp(fork, "no") != 0) { /* without a fork the abort would be the whole program's */
    TCase *aborts = tcase_create("aborts");
    tcase_add_test_raise_signal(aborts, test_realloc_overflow_aborts, SIGABRT);
    suite_add_tcase(suite, aborts);
  }
#endif
  return hp_run_suite(suite);
}
