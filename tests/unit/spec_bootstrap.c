/* stdin of `start`, written byte by byte: what containerd sends decides, not
 * what our own encoder would make of it. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/options.h"
#include "support.h"

struct bytes {
  uint8_t data[512];
  size_t length;
};

static void put(struct bytes *out, unsigned field, const void *data, size_t length) {
  ck_assert_uint_lt(length, 128);
  out->data[out->length++] = (uint8_t)(field << 3 | 2);
  out->data[out->length++] = (uint8_t)length;
  memcpy(out->data + out->length, data, length);
  out->length += length;
}

static void put_text(struct bytes *out, unsigned field, const char *text) {
  put(out, field, text, strlen(text));
}

static struct bytes any_options(const char *path) {
  struct bytes options = {0}, any = {0};
  put_text(&options, 2, path);
  put_text(&any, 1, "runtimeoptions.v1.Options");
  put(&any, 2, options.data, options.length);
  return any;
}

/* What containerd 2.3 sends at log level debug. */
static struct bytes params(const char *id, const char *namespace_name) {
  static const uint8_t debug[] = {0x18, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
  struct bytes out = {0}, any = any_options("/etc/policy.json"), extension = {0};
  put_text(&out, 1, id);
  put_text(&out, 2, namespace_name);
  memcpy(out.data + out.length, debug, sizeof debug);
  out.length += sizeof debug;
  put_text(&out, 4, "v2.3.0");
  put_text(&out, 5, "/run/containerd/containerd.sock.ttrpc");
  put_text(&out, 6, "/run/containerd/containerd.sock");
  put_text(&out, 7, "/usr/bin/containerd");
  put(&extension, 1, any.data, any.length);
  put(&out, 8, extension.data, extension.length);
  put_text(&out, 9, "/run/containerd/s");
  return out;
}

static int parse(const struct bytes *in, struct hp_bootstrap *bootstrap, struct hp_error *err) {
  return hp_bootstrap_parse(in->data, in->length, "c1", "k8s.io", bootstrap, err);
}

START_TEST(test_params) {
  struct bytes in = params("c1", "k8s.io");
  struct hp_bootstrap bootstrap;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(parse(&in, &bootstrap, &err) == 0, "%s", err.message);
  ck_assert(bootstrap.v3);
  ck_assert_int_eq(bootstrap.log_level, -4);
  ck_assert_str_eq(bootstrap.ttrpc_address, "/run/containerd/containerd.sock.ttrpc");
  ck_assert_str_eq(bootstrap.grpc_address, "/run/containerd/containerd.sock");
  ck_assert_str_eq(bootstrap.socket_dir, "/run/containerd/s");
  ck_assert_str_eq(bootstrap.options.config_path, "/etc/policy.json");
  hp_bootstrap_clear(&bootstrap);
}
END_TEST

START_TEST(test_short_params) {
  struct bytes in = {0};
  put_text(&in, 1, "c1");
  put_text(&in, 2, "k8s.io");
  struct hp_bootstrap bootstrap;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse(&in, &bootstrap, &err), 0);
  ck_assert(bootstrap.v3);
  ck_assert_ptr_null(bootstrap.ttrpc_address);
  ck_assert_ptr_null(bootstrap.options.config_path);
  hp_bootstrap_clear(&bootstrap);
}
END_TEST

START_TEST(test_nothing_and_any) {
  struct bytes nothing = {0}, any = any_options("/p"), unknown = {0};
  struct hp_bootstrap bootstrap;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse(&nothing, &bootstrap, &err), 0);
  ck_assert(!bootstrap.v3);
  ck_assert_int_eq(parse(&any, &bootstrap, &err), 0);
  ck_assert(!bootstrap.v3);
  ck_assert_str_eq(bootstrap.options.config_path, "/p");
  hp_bootstrap_clear(&bootstrap);
  put_text(&unknown, 1, "containerd.runc.v1.Options");
  put_text(&unknown, 2, "\x0a\x01x");
  ck_assert_int_eq(parse(&unknown, &bootstrap, &err), 0);
  ck_assert_ptr_null(bootstrap.options.config_path);
  hp_bootstrap_clear(&bootstrap);
}
END_TEST

START_TEST(test_params_of_somebody_else) {
  struct bytes in = params("c2", "k8s.io");
  struct hp_bootstrap bootstrap;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse(&in, &bootstrap, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message, "stdin holds BootstrapParams of \"c2\" in namespace \"k8s.io\": -id and "
                                "-namespace must name the same");
  hp_error_clear(&err);
}
END_TEST

START_TEST(test_garbage) {
  struct bytes in = {.data = {0xff, 0xff, 0xff}, .length = 3};
  struct hp_bootstrap bootstrap;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse(&in, &bootstrap, &err), -1);
  ck_assert_str_eq(err.message, "stdin holds 3 bytes that are neither BootstrapParams nor a "
                                "google.protobuf.Any: send one of them, or nothing");
  hp_error_clear(&err);
}
END_TEST

/* A message cut anywhere is an answer or an error, never a crash. */
START_TEST(test_truncated) {
  struct bytes whole = params("c1", "k8s.io");
  for (size_t length = 0; length < whole.length; length++) {
    uint8_t *exact = hp_alloc(length); /* on the heap, for the sanitizer to see its end */
    memcpy(exact, whole.data, length);
    struct hp_bootstrap bootstrap;
    struct hp_error err = HP_ERROR_INIT;
    if (hp_bootstrap_parse(exact, length, "c1", "k8s.io", &bootstrap, &err) != 0)
      ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
    hp_bootstrap_clear(&bootstrap);
    hp_error_clear(&err);
    free(exact);
  }
}
END_TEST

START_TEST(test_broken_options_fail) {
  struct bytes any = {0};
  put_text(&any, 1, "runtimeoptions.v1.Options");
  put_text(&any, 2, "\x12\x7fshort");
  struct hp_bootstrap bootstrap;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse(&any, &bootstrap, &err), -1);
  ck_assert_str_eq(err.message, "the runtime options of type runtimeoptions.v1.Options do not decode: send a "
                                "runtimeoptions.v1.Options");
  hp_error_clear(&err);
}
END_TEST

START_TEST(test_result) {
  static const uint8_t expected[] = {0x08, 3,   0x12, 8, 'u', 'n', 'i', 'x', ':', '/',
                                     '/',  'x', 0x1a, 5, 't', 't', 'r', 'p', 'c'};
  uint8_t *data = NULL;
  size_t length = 0;
  hp_bootstrap_result("unix://x", &data, &length);
  ck_assert_uint_eq(length, sizeof expected);
  ck_assert_mem_eq(data, expected, sizeof expected);
  free(data);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_bootstrap");
  TCase *tcase = tcase_create("bootstrap");
  tcase_add_test(tcase, test_params);
  tcase_add_test(tcase, test_short_params);
  tcase_add_test(tcase, test_nothing_and_any);
  tcase_add_test(tcase, test_params_of_somebody_else);
  tcase_add_test(tcase, test_garbage);
  tcase_add_test(tcase, test_truncated);
  tcase_add_test(tcase, test_broken_options_fail);
  tcase_add_test(tcase, test_result);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
