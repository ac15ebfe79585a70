#include <check.h>
#include <string.h>

#include "cli/nearest.h"
#include "support.h"

static const char *nearest_of(const char *written, const char *const *names) {
  static char best[64];
  struct hp_nearest nearest;
  hp_nearest_begin(&nearest, written);
  for (; *names; names++)
    hp_nearest_offer(&nearest, *names, strlen(*names));
  if (!nearest.best)
    return "";
  memcpy(best, nearest.best, nearest.best_length);
  best[nearest.best_length] = 0;
  return best;
}

START_TEST(a_misspelling_is_near) {
  static const char *const names[] = {"namespace", "validate", "doctor", "gc", "debug", NULL};
  ck_assert_str_eq(nearest_of("namepsace", names), "namespace");
  ck_assert_str_eq(nearest_of("validat", names), "validate");
  ck_assert_str_eq(nearest_of("dcotor", names), "doctor");
  ck_assert_str_eq(nearest_of("gv", names), "gc");
  ck_assert_str_eq(nearest_of("ddebug", names), "debug");
}
END_TEST

START_TEST(another_word_is_not) {
  static const char *const names[] = {"namespace", "gc", "v", "", NULL};
  ck_assert_str_eq(nearest_of("names", names), "");
  ck_assert_str_eq(nearest_of("x", names), "");
  ck_assert_str_eq(nearest_of("ab", names), "");
  ck_assert_str_eq(nearest_of("", names), "");
  ck_assert_str_eq(nearest_of("a-name-that-is-longer-than-any-of-ours", names), "");
}
END_TEST

START_TEST(of_several_the_nearest_then_the_first) {
  static const char *const names[] = {"abcde", "abcdx", "abcdy", NULL};
  ck_assert_str_eq(nearest_of("abcdy", names), "abcdy");
  ck_assert_str_eq(nearest_of("abcdz", names), "abcde");
}
END_TEST

START_TEST(a_candidate_ends_at_its_length) {
  struct hp_nearest nearest;
  hp_nearest_begin(&nearest, "outptu");
  hp_nearest_offer(&nearest, "output FORMAT", strlen("output"));
  ck_assert_ptr_nonnull(nearest.best);
  ck_assert_uint_eq(nearest.away, 2);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("cli/nearest");
  TCase *nearest = tcase_create("nearest");
  tcase_add_test(nearest, a_misspelling_is_near);
  tcase_add_test(nearest, another_word_is_not);
  tcase_add_test(nearest, of_several_the_nearest_then_the_first);
  tcase_add_test(nearest, a_candidate_ends_at_its_length);
  suite_add_tcase(suite, nearest);
  return hp_run_suite(suite);
}
