#include "host/linux/address.h"

#include <check.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "support.h"

#define CONTAINERD "/run/containerd/containerd.sock"

static char *address_of(const char *socket_dir, const char *namespace_name, const char *id) {
  struct hp_error err = HP_ERROR_INIT;
  char *address = NULL;
  ck_assert_msg(host_address(socket_dir, CONTAINERD, namespace_name, id, &address, &err) == 0, "%s",
                err.message);
  return address;
}

START_TEST(the_digest_of_socket_namespace_and_id) {
  /* printf %s /run/containerd/containerd.sock/k8s.io/c1 | sha256sum */
  char *address = address_of(NULL, "k8s.io", "c1");
  ck_assert_str_eq(address, "unix:///run/containerd/s/"
                            "ccd9e484aa63698a22b33f8964a2eb3d2a5c6e843ccac78fda28f084794782cd");
  free(address);
}
END_TEST

START_TEST(another_directory) {
  char *standard = address_of("", "n", "c"), *other = address_of("/x/y", "n", "c");
  ck_assert_int_eq(strncmp(standard, "unix:///run/containerd/s/", 25), 0);
  ck_assert_int_eq(strncmp(other, "unix:///x/y/", 12), 0);
  ck_assert_str_eq(standard + 25, other + 12);
  free(standard);
  free(other);
}
END_TEST

START_TEST(names_never_collide) {
  char *one = address_of(NULL, "a-b", "c"), *two = address_of(NULL, "a", "b-c");
  char *three = address_of(NULL, "ab", "c"), *four = address_of(NULL, "a", "bc");
  ck_assert_str_ne(one, two);
  ck_assert_str_ne(three, four);
  free(one);
  free(two);
  free(three);
  free(four);
}
END_TEST

START_TEST(a_directory_that_is_too_long_or_relative) {
  struct hp_error err = HP_ERROR_INIT;
  char *address = NULL;
  char directory[64] = "/";
  memset(directory + 1, 'd', 40); /* with "/" and 64 digits: 106 */
  directory[41] = 0;
  ck_assert_int_eq(host_address(directory, CONTAINERD, "n", "c", &address, &err), 0);
  free(address);
  strcat(directory, "d");
  ck_assert_int_eq(host_address(directory, CONTAINERD, "n", "c", &address, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(err.message, directory));
  ck_assert_ptr_nonnull(strstr(err.message, "107 bytes"));
  ck_assert_int_eq(host_address("run/s", CONTAINERD, "n", "c", &address, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  hp_error_clear(&err);
}
END_TEST

START_TEST(socket_names) {
  struct hp_error err = HP_ERROR_INIT;
  struct sockaddr_un name;
  socklen_t length;
  ck_assert_int_eq(hp_address_socket("unix:///a/b", &name, &length, &err), 0);
  ck_assert_str_eq(name.sun_path, "/a/b");
  ck_assert_uint_eq(length, offsetof(struct sockaddr_un, sun_path) + 5);
  ck_assert_int_eq(hp_address_socket("/a/b", &name, &length, &err), 0);
  ck_assert_str_eq(name.sun_path, "/a/b");
  ck_assert_int_eq(hp_address_socket("@ab", &name, &length, &err), 0);
  ck_assert_mem_eq(name.sun_path, "\0ab", 3);
  ck_assert_uint_eq(length, offsetof(struct sockaddr_un, sun_path) + 3);
  ck_assert_int_eq(hp_address_socket("", &name, &length, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_ptr_null(hp_address_path("unix://@ab", &err));
  ck_assert_int_eq(hp_dial("tcp://localhost:80", &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  hp_error_clear(&err);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/linux/address");
  TCase *address = tcase_create("address");
  tcase_add_test(address, the_digest_of_socket_namespace_and_id);
  tcase_add_test(address, another_directory);
  tcase_add_test(address, names_never_collide);
  tcase_add_test(address, a_directory_that_is_too_long_or_relative);
  tcase_add_test(address, socket_names);
  suite_add_tcase(suite, address);
  return hp_run_suite(suite);
}
