/* Who could have written a file: descriptors of every kind, and files of ours. */
#include "host/windows/file_trust.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "host/host.h"
#include "host/windows/text.h"
#include "loose_windows.h"
#include "support.h"

#define INSTALLER "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"

static void expect(const char *sddl, ACCESS_MASK rights, enum hp_stranger expected,
                   const char *expected_sid) {
  PSID who;
  PSECURITY_DESCRIPTOR descriptor = descriptor_of(sddl);
  enum hp_stranger stranger = hp_file_stranger(descriptor, rights, &who);
  ck_assert_msg(stranger == expected, "%s: %d", sddl, (int)stranger);
  if (expected != HP_STRANGER_NONE) {
    char *sid = hp_sid_text(who);
    ck_assert_str_eq(sid, expected_sid);
    free(sid);
  }
  LocalFree(descriptor);
}

#define USERS "S-1-5-32-545"
#define EVERYONE "S-1-1-0"

START_TEST(administrators_alone) {
  static const char *const good[] = {
      "O:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;BU)",
      "O:SYD:(A;;FA;;;SY)(A;;0x1200a9;;;WD)",
      "O:" INSTALLER "D:(A;;FA;;;" INSTALLER ")(A;;FR;;;WD)",
      "O:BAD:",                         /* nobody may do anything */
      "O:BAD:(A;;FA;;;CO)(A;;FA;;;OW)", /* whoever owns it, and that is Administrators */
      "O:BAD:(A;OICIIO;FA;;;BU)",       /* for what is made below, not for itself */
      "O:BAD:(D;;FA;;;BU)",             /* denied */
      "O:BAD:(A;;0x100;;;BU)",          /* attributes only */
  };
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    expect(good[i], HP_FILE_CHANGES, HP_STRANGER_NONE, NULL);
    expect(good[i], HP_DIRECTORY_CHANGES, HP_STRANGER_NONE, NULL);
  }
}
END_TEST

START_TEST(strangers_own_it) {
  expect("O:BUD:(A;;FA;;;BA)", HP_FILE_CHANGES, HP_STRANGER_OWNS, USERS);
  expect("O:S-1-5-80-1-2-3-4-5D:(A;;FA;;;BA)", HP_FILE_CHANGES, HP_STRANGER_OWNS, "S-1-5-80-1-2-3-4-5");
  expect("D:(A;;FA;;;BA)", HP_FILE_CHANGES, HP_STRANGER_OWNS, EVERYONE);
}
END_TEST

START_TEST(strangers_may_write_it) {
  static const char *const rights[] = {"0x2", "0x4", "SD", "WD", "WO", "GW", "GA", "FW", "FA"};
  for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++) {
    char *sddl = hp_printf("O:BAD:(A;;FA;;;BA)(A;;FR;;;WD)(A;;%s;;;BU)", rights[i]);
    expect(sddl, HP_FILE_CHANGES, HP_STRANGER_MAY, USERS);
    free(sddl);
  }
  expect("O:BAD:(D;;FA;;;BU)(A;;FA;;;BU)", HP_FILE_CHANGES, HP_STRANGER_MAY, USERS);
  expect("O:BA", HP_FILE_CHANGES, HP_STRANGER_MAY, EVERYONE); /* no list at all */
}
END_TEST

START_TEST(strangers_may_exchange_it) {
  expect("O:BAD:(A;;0x40;;;BU)", HP_DIRECTORY_CHANGES, HP_STRANGER_MAY, USERS);
  expect("O:BAD:(A;;SD;;;BU)", HP_DIRECTORY_CHANGES, HP_STRANGER_MAY, USERS);
  /* %ProgramData% lets everybody make files and directories of his own. */
  expect("O:SYD:(A;;0x116;;;BU)", HP_DIRECTORY_CHANGES, HP_STRANGER_NONE, NULL);
}
END_TEST

/* ---- files ------------------------------------------------------------------------- */

static char *folder, *file;
static struct hp_error err;

static void make_folder(void) {
  folder = unit_directory("trust");
  file = hp_printf("%s\\f", folder);
  unit_write(file, "{}", 2);
  err = (struct hp_error)HP_ERROR_INIT;
}

static void remove_folder(void) {
  unit_remove(file);
  unit_remove_directory(folder);
  free(file);
  free(folder);
  hp_error_clear(&err);
}

static int ask(void) {
  uv_fs_t call;
  uv_file opened = uv_fs_open(NULL, &call, file, UV_FS_O_RDONLY, 0, NULL);
  uv_fs_req_cleanup(&call);
  ck_assert_int_ge(opened, 0);
  int result = host_file_distrust(file, opened, &err);
  uv_fs_close(NULL, &call, opened, NULL);
  uv_fs_req_cleanup(&call);
  return result;
}

static void refused(const char *part) {
  ck_assert_int_eq(ask(), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, file));
  ck_assert_msg(strstr(err.message, part) != NULL, "no \"%s\" in \"%s\"", part, err.message);
}

START_TEST(a_file_of_ours) {
  ck_assert_msg(ask() == 0, "%s", err.message);
}
END_TEST

START_TEST(a_file_that_everyone_may_write) {
  open_to_everyone(file);
  refused(" can write it: as an administrator run icacls \"");
  ck_assert_ptr_nonnull(strstr(err.message, "\\f\" /inheritance:d /remove:g *S-1-1-0"));
}
END_TEST

START_TEST(a_file_in_a_directory_of_everyone) {
  open_to_everyone(folder);
  refused(" can exchange what is in ");
  ck_assert_ptr_nonnull(strstr(err.message, "\" /inheritance:d /remove:g *S-1-1-0"));
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_windows_file_trust");
  TCase *pure = tcase_create("descriptors"), *real = tcase_create("files");
  tcase_add_test(pure, administrators_alone);
  tcase_add_test(pure, strangers_own_it);
  tcase_add_test(pure, strangers_may_write_it);
  tcase_add_test(pure, strangers_may_exchange_it);
  suite_add_tcase(suite, pure);
  tcase_add_checked_fixture(real, make_folder, remove_folder);
  tcase_add_test(real, a_file_of_ours);
  tcase_add_test(real, a_file_that_everyone_may_write);
  tcase_add_test(real, a_file_in_a_directory_of_everyone);
  suite_add_tcase(suite, real);
  return hp_run_suite(suite);
}
