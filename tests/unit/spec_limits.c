#include "spec/spec.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

static struct hp_limits parse(enum hp_os os, const char *text) {
  struct hp_limits limits;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_limits_parse(os, text, strlen(text), &limits, &err) == 0, "%s", err.message);
  return limits;
}

static void number_is(struct hp_number number, int64_t value) {
  ck_assert(number.set);
  ck_assert_int_eq(number.value, value);
}

START_TEST(test_linux) {
  struct hp_limits limits = parse(
      HP_OS_LINUX,
      "{\"devices\":[{\"allow\":true}],\"memory\":{\"limit\":1000,\"swap\":-1,\"reservation\":500,\"kernel\":"
      "1},"
      "\"cpu\":{\"shares\":512,\"quota\":-1,\"period\":100000,\"cpus\":\"0-1\",\"mems\":\"\"},"
      "\"pids\":{\"limit\":0},\"blockIO\":{\"weight\":100,\"throttleReadBpsDevice\":"
      "[{\"major\":8,\"minor\":0,\"rate\":1024},{\"major\":8,\"minor\":16,\"rate\":18446744073709551615}],"
      "\"throttleWriteIOPSDevice\":[{\"major\":1,\"minor\":2,\"rate\":3}]}}");
  number_is(limits.memory, 1000);
  number_is(limits.memory_swap, -1);
  number_is(limits.memory_reservation, 500);
  number_is(limits.cpu_shares, 512);
  number_is(limits.cpu_quota, -1);
  number_is(limits.cpu_period, 100000);
  ck_assert_str_eq(limits.cpuset_cpus, "0-1");
  ck_assert_ptr_null(limits.cpuset_mems);
  number_is(limits.pids, 0);
  number_is(limits.blkio_weight, 100);
  ck_assert_uint_eq(limits.read_bps.count, 2);
  ck_assert_int_eq(limits.read_bps.items[1].minor, 16);
  ck_assert(limits.read_bps.items[1].rate == UINT64_MAX);
  ck_assert_uint_eq(limits.write_bps.count, 0);
  ck_assert_uint_eq(limits.write_iops.count, 1);
  ck_assert_int_eq(limits.write_iops.items[0].major, 1);
  hp_limits_clear(&limits);
}
END_TEST

/* Go writes 0 where nobody set a pointer's target; runc takes it for unset. */
START_TEST(test_zero_is_unset) {
  struct hp_limits limits = parse(
      HP_OS_LINUX, "{\"memory\":{\"limit\":0,\"swap\":0},\"cpu\":{\"shares\":0,\"quota\":0,\"period\":0},"
                   "\"blockIO\":{\"weight\":0}}");
  ck_assert(!limits.memory.set);
  ck_assert(!limits.memory_swap.set);
  ck_assert(!limits.cpu_shares.set);
  ck_assert(!limits.cpu_quota.set);
  ck_assert(!limits.cpu_period.set);
  ck_assert(!limits.blkio_weight.set);
  ck_assert(!limits.pids.set);
  hp_limits_clear(&limits);
}
END_TEST

START_TEST(test_windows) {
  struct hp_limits limits =
      parse(HP_OS_WINDOWS, "{\"memory\":{\"limit\":4096},\"cpu\":{\"count\":2,\"shares\":0,\"maximum\":5000},"
                           "\"storage\":{\"iops\":10,\"bps\":20,\"sandboxSize\":30}}");
  number_is(limits.memory, 4096);
  number_is(limits.cpu_count, 2);
  ck_assert(!limits.cpu_shares.set);
  number_is(limits.cpu_maximum, 5000);
  number_is(limits.storage_iops, 10);
  number_is(limits.storage_bps, 20);
  number_is(limits.storage_size, 30);
  hp_limits_clear(&limits);
}
END_TEST

#define ANNOTATED(annotations)                                                                               \
  "{\"annotations\":{" annotations "},\"windows\":{\"resources\":{\"memory\":{\"limit\":4096},"              \
  "\"cpu\":{\"count\":2},\"storage\":{\"bps\":7,\"iops\":8}}}}"

START_TEST(test_annotations_win) {
  static const char text[] = ANNOTATED("\"io.microsoft.container.memory.sizeinmb\":\"3\","
                                       "\"io.microsoft.container.processor.weight\":\"100\","
                                       "\"io.microsoft.container.storage.qos.bandwidthmaximum\":\"70\","
                                       "\"io.microsoft.container.storage.qos.iopsmaximum\":\"80\"");
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_spec_parse(text, strlen(text), NULL, &spec, &err) == 0, "%s", err.message);
  number_is(spec.limits.memory, 3 << 20);
  number_is(spec.limits.cpu_shares, 100);
  ck_assert(!spec.limits.cpu_count.set); /* only one of the three may be set */
  number_is(spec.limits.storage_bps, 70);
  number_is(spec.limits.storage_iops, 80);
  hp_spec_clear(&spec);
}
END_TEST

static const struct {
  const char *value, *shown;
} numbers[] = {
    {"\"\"", "\"\""},
    {"\"-1\"", "\"-1\""},
    {"\" 1\"", "\" 1\""},
    {"\"1G\"", "\"1G\""},
    {"\"1.5\"", "\"1.5\""},
    {"\"8796093022208\"", "\"8796093022208\""},
    {"\"99999999999999999999999\"", "\"99999999999999999999999\""},
};

/* Nobody's limit is lost because the spec has no section of a system. */
START_TEST(test_annotations_alone) {
  const char *text = "{\"annotations\":{\"io.microsoft.container.memory.sizeinmb\":\"2\"}}";
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_spec_parse(text, strlen(text), NULL, &spec, &err) == 0, "%s", err.message);
  ck_assert_int_eq(spec.limits.memory.value, hp_os_here() == HP_OS_WINDOWS ? 2 << 20 : 0);
  hp_spec_clear(&spec);
}
END_TEST

START_TEST(test_wrong_annotations) {
  char *text = hp_printf("{\"windows\":{},\"annotations\":{\"io.microsoft.container.memory.sizeinmb\":%s}}",
                         numbers[_i].value);
  char *message =
      hp_printf("config.json: annotations[\"io.microsoft.container.memory.sizeinmb\"] is %s: it must "
                "be a decimal number from 0 to 8796093022207, in quotes",
                numbers[_i].shown);
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_spec_parse(text, strlen(text), NULL, &spec, &err), -1);
  ck_assert_str_eq(err.message, message);
  hp_error_clear(&err);
  free(message);
  free(text);
}
END_TEST

static const struct {
  enum hp_os os;
  const char *text, *message;
} refusals[] = {
    {HP_OS_LINUX, "3", "resources is 3: it must be an object"},
    {HP_OS_LINUX, "{\"memory\":7}", "resources.memory is 7: it must be an object"},
    {HP_OS_LINUX, "{\"memory\":{\"limit\":-2}}",
     "resources.memory.limit is -2: it must be an integer of at least -1"},
    {HP_OS_LINUX, "{\"memory\":{\"limit\":1e3}}",
     "resources.memory.limit is 1000: it must be an integer of at least -1"},
    {HP_OS_LINUX, "{\"cpu\":{\"shares\":-1}}",
     "resources.cpu.shares is -1: it must be an integer of at least 0"},
    {HP_OS_LINUX, "{\"cpu\":{\"cpus\":[]}}", "resources.cpu.cpus is an array: it must be a string"},
    {HP_OS_LINUX, "{\"pids\":{\"limit\":\"7\"}}",
     "resources.pids.limit is \"7\": it must be an integer of at least -1"},
    {HP_OS_LINUX, "{\"blockIO\":{\"weight\":65536}}",
     "resources.blockIO.weight is 65536: it must be an integer from 0 to 65535"},
    {HP_OS_LINUX, "{\"blockIO\":{\"throttleReadBpsDevice\":[7]}}",
     "resources.blockIO.throttleReadBpsDevice[0] is 7: it must be an object"},
    {HP_OS_LINUX, "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":-1}]}}",
     "resources.blockIO.throttleReadBpsDevice[0].major is -1: it must be an integer from 0 to 4294967295"},
    {HP_OS_WINDOWS, "{\"memory\":{\"limit\":-1}}",
     "resources.memory.limit is -1: it must be an integer of at least 0"},
    {HP_OS_WINDOWS, "{\"cpu\":{\"maximum\":65536}}",
     "resources.cpu.maximum is 65536: it must be an integer from 0 to 65535"},
};

START_TEST(test_refusals) {
  struct hp_limits limits;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(
      hp_limits_parse(refusals[_i].os, refusals[_i].text, strlen(refusals[_i].text), &limits, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message, refusals[_i].message);
  hp_error_clear(&err);
}
END_TEST

START_TEST(test_merge) {
  struct hp_limits base =
      parse(HP_OS_LINUX, "{\"memory\":{\"limit\":1},\"cpu\":{\"shares\":2,\"cpus\":\"0\"},"
                         "\"blockIO\":{\"throttleReadBpsDevice\":[{\"rate\":1}],"
                         "\"throttleWriteBpsDevice\":[{\"rate\":9}]}}");
  struct hp_limits change =
      parse(HP_OS_LINUX, "{\"memory\":{\"limit\":5},\"cpu\":{\"cpus\":\"1\"},"
                         "\"pids\":{\"limit\":-1},\"blockIO\":{\"throttleReadBpsDevice\":"
                         "[{\"rate\":2},{\"rate\":3}]}}");
  hp_limits_merge(&base, &change);
  hp_limits_clear(&change);
  number_is(base.memory, 5);
  number_is(base.cpu_shares, 2);
  number_is(base.pids, -1);
  ck_assert_str_eq(base.cpuset_cpus, "1");
  ck_assert_uint_eq(base.read_bps.count, 2);
  ck_assert(base.read_bps.items[1].rate == 3);
  ck_assert_uint_eq(base.write_bps.count, 1);
  hp_limits_clear(&base);
}
END_TEST

/* What the CRI gives the cgroup of a container: memory and as much of both. */
START_TEST(test_memory_without_a_limit) {
  struct hp_limits base = parse(HP_OS_LINUX, "{\"memory\":{\"limit\":5,\"swap\":5}}");
  struct hp_limits change = parse(HP_OS_LINUX, "{\"memory\":{\"limit\":-1}}");
  hp_limits_merge(&base, &change);
  number_is(base.memory, -1);
  number_is(base.memory_swap, -1);
  change = parse(HP_OS_LINUX, "{\"memory\":{\"limit\":7,\"swap\":8}}");
  hp_limits_merge(&base, &change);
  number_is(base.memory_swap, 8);
  base.memory_swap.set = false;
  change = parse(HP_OS_LINUX, "{\"memory\":{\"limit\":-1}}");
  hp_limits_merge(&base, &change);
  ck_assert(!base.memory_swap.set);
}
END_TEST

/* Each step: what the CRI sends, of which the old forms are left out. */
START_TEST(test_new_form_of_the_cpu_limit) {
  static const struct {
    const char *sent;
    int64_t count, maximum, shares; /* 0: left out */
  } steps[] = {
      {"{\"cpu\":{\"shares\":5}}", 0, 0, 5},
      {"{\"cpu\":{\"shares\":5,\"maximum\":6}}", 0, 6, 0},
      {"{\"cpu\":{\"shares\":5,\"maximum\":6}}", 0, 0, 0},
      {"{\"cpu\":{\"shares\":5,\"maximum\":7}}", 0, 7, 0},
      {"{\"cpu\":{\"shares\":8,\"maximum\":7}}", 0, 0, 8},
      {"{\"cpu\":{\"shares\":9,\"maximum\":9}}", 0, 9, 9}, /* which a rule refuses */
      {"{\"memory\":{\"limit\":1}}", 0, 0, 0},
      {"{\"cpu\":{\"count\":1,\"shares\":9,\"maximum\":9}}", 1, 0, 0},
      {"{\"cpu\":{\"maximum\":9}}", 0, 9, 0}, /* alone it is meant */
  };
  struct hp_cpu_forms sent = {0};
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    struct hp_limits change = parse(HP_OS_WINDOWS, steps[i].sent);
    hp_limits_take_new_cpu(&change, &sent);
    ck_assert_int_eq(change.cpu_count.set ? change.cpu_count.value : 0, steps[i].count);
    ck_assert_int_eq(change.cpu_maximum.set ? change.cpu_maximum.value : 0, steps[i].maximum);
    ck_assert_int_eq(change.cpu_shares.set ? change.cpu_shares.value : 0, steps[i].shares);
  }
}
END_TEST

START_TEST(test_the_size_of_the_volume_stays) {
  struct hp_limits none = {0}, made = parse(HP_OS_WINDOWS, "{\"storage\":{\"sandboxSize\":30}}"),
                   larger = parse(HP_OS_WINDOWS, "{\"storage\":{\"sandboxSize\":31}}");
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_limits_judge_change(&made, &none, &err), 0);
  ck_assert_int_eq(hp_limits_judge_change(&made, &made, &err), 0);
  ck_assert_int_eq(hp_limits_judge_change(&none, &made, &err), -1);
  hp_error_clear(&err);
  ck_assert_int_eq(hp_limits_judge_change(&made, &larger, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message,
                   "windows.resources.storage.sandboxSize is 31, and the container's volume was made with "
                   "another size or none: leave it out, or make the container anew");
  hp_error_clear(&err);
}
END_TEST

/* --os chooses the section where a spec has both, or none. */
START_TEST(test_the_system_that_is_asked_for) {
  static const char both[] = "{\"annotations\":{\"io.microsoft.container.memory.sizeinmb\":\"2\"},"
                             "\"linux\":{\"resources\":{\"memory\":{\"limit\":5}}},\"windows\":{}}",
                    none[] = "{\"annotations\":{\"io.microsoft.container.memory.sizeinmb\":\"2\"}}";
  static const struct {
    const char *text;
    enum hp_os os;
    int64_t memory;
  } cases[] = {{both, HP_OS_LINUX, 5},
               {both, HP_OS_WINDOWS, 2 << 20},
               {none, HP_OS_LINUX, 0},
               {none, HP_OS_WINDOWS, 2 << 20}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct hp_container_spec spec;
    struct hp_error err = HP_ERROR_INIT;
    ck_assert_int_eq(hp_spec_parse(cases[i].text, strlen(cases[i].text), &cases[i].os, &spec, &err), 0);
    ck_assert_int_eq(spec.limits.memory.value, cases[i].memory);
    hp_spec_clear(&spec);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_limits");
  TCase *tcase = tcase_create("limits");
  tcase_add_test(tcase, test_linux);
  tcase_add_test(tcase, test_zero_is_unset);
  tcase_add_test(tcase, test_windows);
  tcase_add_test(tcase, test_annotations_win);
  tcase_add_test(tcase, test_annotations_alone);
  tcase_add_loop_test(tcase, test_wrong_annotations, 0, (int)(sizeof numbers / sizeof numbers[0]));
  tcase_add_loop_test(tcase, test_refusals, 0, (int)(sizeof refusals / sizeof refusals[0]));
  tcase_add_test(tcase, test_merge);
  tcase_add_test(tcase, test_memory_without_a_limit);
  tcase_add_test(tcase, test_new_form_of_the_cpu_limit);
  tcase_add_test(tcase, test_the_size_of_the_volume_stays);
  tcase_add_test(tcase, test_the_system_that_is_asked_for);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
