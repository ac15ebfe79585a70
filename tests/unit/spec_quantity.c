#include "spec/quantity.h"

#include <stdlib.h>

#include "support.h"

static const struct {
  const char *text;
  unsigned scale;
  int64_t value;
} good[] = {
    {"0", 0, 0},
    {"-0", 0, 0},
    {"+7", 0, 7},
    {"128974848", 0, 128974848},
    {"129e6", 0, 129000000},
    {"129E+6", 0, 129000000},
    {"129M", 0, 129000000},
    {"123Mi", 0, 128974848},
    {"128974848000m", 0, 128974848},
    {"1Ki", 0, 1024},
    {"1k", 0, 1000},
    {"1.5Gi", 0, 1610612736},
    {"0.1Ki", 0, 103}, /* 102.4, rounded up */
    {".5", 0, 1},
    {"5.", 0, 5},
    {"1E", 0, 1000000000000000000},
    {"1Ei", 0, 1152921504606846976},
    {"7.9999999999999999999Ei", 0, INT64_MAX},
    {"8Ei", 0, INT64_MAX},
    {"9223372036854775807", 0, INT64_MAX},
    {"9223372036854775808", 0, INT64_MAX},
    {"1e999999999999", 0, INT64_MAX},
    {"1e-999999999999", 0, 1},
    {"0e999999999999", 0, 0},
    {"000000000000000000001", 0, 1},
    {"1n", 0, 1},
    {"1u", 0, 1},
    {"100m", 3, 100},
    {"0.1", 3, 100},
    {"1.5", 3, 1500},
    {"1500.1m", 3, 1501},
    {"2", 3, 2000},
};

START_TEST(test_good) {
  int64_t value = -1;
  ck_assert_msg(hp_quantity_parse(good[_i].text, good[_i].scale, &value), "%s", good[_i].text);
  ck_assert_msg(value == good[_i].value, "%s is %lld", good[_i].text, (long long)value);
}
END_TEST

static const char *const bad[] = {
    "",
    "-1",
    "-0.5",
    "1 Gi",
    " 1",
    "1gi",
    "1K",
    "1mi",
    "Gi",
    ".",
    "1.2.3",
    "1e",
    "1e+",
    "1Kii",
    "0x10",
    "1,5",
    "1e5Gi",
    "--1",
    "00000000000000000000000000000000000000000000000000000000000000001", /* 65 characters */
};

START_TEST(test_bad) {
  int64_t value;
  ck_assert_msg(!hp_quantity_parse(bad[_i], 0, &value), "accepted: %s", bad[_i]);
}
END_TEST

START_TEST(test_json) {
  int64_t value;
  json_t *json = json_pack("[s, i, f, f, b, n]", "1Ki", 5, 0.1, 1e21, 1);
  ck_assert(hp_quantity_read(json_array_get(json, 0), 0, &value) && value == 1024);
  ck_assert(hp_quantity_read(json_array_get(json, 1), 3, &value) && value == 5000);
  ck_assert(hp_quantity_read(json_array_get(json, 2), 3, &value) && value == 100);
  ck_assert(hp_quantity_read(json_array_get(json, 3), 0, &value) && value == INT64_MAX);
  ck_assert(!hp_quantity_read(json_array_get(json, 4), 0, &value));
  ck_assert(!hp_quantity_read(json_array_get(json, 5), 0, &value));
  ck_assert(!hp_quantity_read(NULL, 0, &value));
  json_decref(json);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_quantity");
  TCase *tcase = tcase_create("quantity");
  tcase_add_loop_test(tcase, test_good, 0, (int)(sizeof good / sizeof good[0]));
  tcase_add_loop_test(tcase, test_bad, 0, (int)(sizeof bad / sizeof bad[0]));
  tcase_add_test(tcase, test_json);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
