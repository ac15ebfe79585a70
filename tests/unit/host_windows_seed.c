#include "host/windows/seed.h"

#include <string.h>

#include "support.h"

START_TEST(no_two_are_the_same) {
  uint64_t seeds[16];
  for (int i = 0; i < 16; i++) {
    ck_assert(hp_seed(&seeds[i]));
    ck_assert(seeds[i] != 0);
    for (int j = 0; j < i; j++)
      ck_assert(seeds[i] != seeds[j]);
  }
}
END_TEST

/* Where the processor has none of its own. */
START_TEST(the_system_has_them_too) {
  uint8_t first[32] = {0}, second[32] = {0};
  ck_assert(hp_seed_of_system(first, sizeof first));
  ck_assert(hp_seed_of_system(second, sizeof second));
  ck_assert_mem_ne(first, second, 8);
  ck_assert_mem_ne(first + 24, second + 24, 8);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/windows/seed");
  TCase *test = tcase_create("seed");
  tcase_add_test(test, no_two_are_the_same);
  tcase_add_test(test, the_system_has_them_too);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
