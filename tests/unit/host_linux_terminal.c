/* Pseudo-terminals. */
#include "host/linux/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host.h"
#include "support.h"

static int master, slave;

static void make(unsigned rows, unsigned columns, uid_t uid) {
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_terminal_open(rows, columns, uid, &master, &slave, &err) == 0, "%s", err.message);
}

static void drop(void) {
  close(master);
  close(slave);
}

static void expect_size(unsigned rows, unsigned columns) {
  struct winsize size;
  ck_assert_int_eq(ioctl(slave, TIOCGWINSZ, &size), 0);
  ck_assert_uint_eq(size.ws_row, rows);
  ck_assert_uint_eq(size.ws_col, columns);
}

START_TEST(size_is_as_asked_or_the_default) {
  make(40, 132, geteuid());
  expect_size(40, 132);
  drop();
  make(0, 0, geteuid());
  expect_size(25, 80);
  drop();
}
END_TEST

START_TEST(resize_reaches_the_other_end) {
  struct hp_error err = HP_ERROR_INIT;
  make(0, 0, geteuid());
  ck_assert_int_eq(host_terminal_resize(master, 100, 50, &err), 0);
  expect_size(50, 100);
  ck_assert_int_eq(host_terminal_resize(master, 65536, 50, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  hp_error_clear(&err);
  expect_size(50, 100);
  drop();
}
END_TEST

START_TEST(ends_are_of_the_right_kind) {
  make(0, 0, geteuid());
  ck_assert(isatty(slave));
  ck_assert(fcntl(master, F_GETFL) & O_NONBLOCK);
  ck_assert(!(fcntl(slave, F_GETFL) & O_NONBLOCK));
  ck_assert(fcntl(master, F_GETFD) & FD_CLOEXEC);
  ck_assert(fcntl(slave, F_GETFD) & FD_CLOEXEC);
  ck_assert_int_eq(write(slave, "x\n", 2), 2);
  struct pollfd readable = {.fd = master, .events = POLLIN};
  ck_assert_int_eq(poll(&readable, 1, 10000), 1);
  char text[8];
  ck_assert_int_eq(read(master, text, sizeof text), 3); /* x, CR, LF: the terminal's own habit */
  ck_assert_mem_eq(text, "x\r\n", 3);
  drop();
}
END_TEST

START_TEST(the_user_owns_its_terminal) {
  if (geteuid() != 0) {
    fprintf(stderr, "skipped: only root can give a terminal away\n");
    return;
  }
  make(0, 0, 12345);
  struct stat status;
  ck_assert_int_eq(fstat(slave, &status), 0);
  ck_assert_uint_eq(status.st_uid, 12345);
  ck_assert_uint_eq(status.st_mode & 07, 0); /* nobody else reads or writes it */
  drop();
}
END_TEST

START_TEST(no_terminal_is_an_error) {
  struct hp_error err = HP_ERROR_INIT;
  int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  ck_assert_int_eq(host_terminal_resize(fd, 80, 25, &err), -1);
  ck_assert_int_eq(err.os_code, ENOTTY);
  hp_error_clear(&err);
  close(fd);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_linux_terminal");
  TCase *tcase = tcase_create("terminal");
  tcase_add_test(tcase, size_is_as_asked_or_the_default);
  tcase_add_test(tcase, resize_reaches_the_other_end);
  tcase_add_test(tcase, ends_are_of_the_right_kind);
  tcase_add_test(tcase, the_user_owns_its_terminal);
  tcase_add_test(tcase, no_terminal_is_an_error);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
