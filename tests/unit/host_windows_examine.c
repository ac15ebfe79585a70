/* What doctor says of a Windows host, fact by fact, and of winsim's as a whole. */
#include "host/windows/examine.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"
#include "winsim/winsim.h"

static char *said; /* a line each: "ok system: text" */
static unsigned count;

static void hear(void *arg, enum host_health health, const char *check, const char *remedy,
                 const char *text) {
  static const char *const names[] = {"ok", "warning", "problem"};
  ck_assert_ptr_eq(arg, &count);
  ck_assert_int_eq(health == HOST_OK, remedy == NULL);
  char *longer = hp_printf("%s%s %s: %s\n", said, names[health], check, text);
  free(said);
  said = longer;
  count++;
}

static struct hp_examiner ear = {hear, &count};

static void set_up(void) {
  said = hp_strdup("");
  count = 0;
}

static void tear_down(void) {
  free(said);
}

START_TEST(systems) {
  hp_examine_system(&ear, 17763, false);
  hp_examine_system(&ear, 26100, true);
  hp_examine_system(&ear, 17762, false);
  hp_examine_system(&ear, 0, false);
  ck_assert_str_eq(said, "ok system: Windows build 17763\n"
                         "ok system: Windows build 26100, Wine\n"
                         "problem system: Windows build 17762\n"
                         "problem system: Windows build 0\n");
}
END_TEST

START_TEST(accounts) {
  static const WELL_KNOWN_SID_TYPE kinds[] = {WinLocalSystemSid, WinLocalServiceSid, WinNetworkServiceSid,
                                              WinBuiltinAdministratorsSid};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    union {
      SID sid;
      BYTE bytes[SECURITY_MAX_SID_SIZE];
    } room;
    DWORD size = sizeof room;
    ck_assert(CreateWellKnownSid(kinds[i], NULL, &room, &size));
    hp_examine_account(&ear, &room, "a");
  }
  hp_examine_account(&ear, NULL, "b");
  ck_assert_str_eq(said, "ok account: this program runs as a\n"
                         "ok account: this program runs as a\n"
                         "warning account: this program runs as a\n"
                         "warning account: this program runs as a\n"
                         "warning account: this program runs as b\n");
}
END_TEST

START_TEST(containerds) {
  char account[] = "S", other[] = "O";
  hp_examine_containerd(&ear, &(struct host_containerd){.pid = 7, .account = account, .privileged = true});
  hp_examine_containerd(&ear, &(struct host_containerd){.pid = 7, .account = other});
  hp_examine_containerd(&ear, &(struct host_containerd){.pid = 7});
  hp_examine_containerd(&ear, &(struct host_containerd){.pid = 0});
  ck_assert_str_eq(said, "ok containerd: containerd (pid 7) runs as S\n"
                         "warning containerd: containerd (pid 7) runs as O\n"
                         "warning containerd: containerd (pid 7) runs as somebody who cannot be seen\n"
                         "warning containerd: containerd does not run\n");
}
END_TEST

START_TEST(privileges) {
  hp_examine_privilege(&ear, "SeTcbPrivilege", "nobody", true);
  hp_examine_privilege(&ear, "SeTcbPrivilege", "nobody", false);
  ck_assert_str_eq(said, "ok privileges: SeTcbPrivilege is there\n"
                         "problem privileges: SeTcbPrivilege is missing: nobody\n");
}
END_TEST

/* What no update of Windows brings is said, and is no warning. */
START_TEST(functions) {
  hp_examine_function(&ear, "BfSetupFilter", "bindfltapi.dll", true);
  hp_examine_function(&ear, "BfSetupFilter", "bindfltapi.dll", false);
  hp_examine_function(&ear, "ActivateLayer", "vmcompute.dll", false);
  hp_examine_function(&ear, "SetIoRateControlInformationJobObject", "kernel32.dll", true);
  hp_examine_function(&ear, "SetIoRateControlInformationJobObject", "kernel32.dll", false);
  hp_examine_function(&ear, "wine_get_version", "ntdll.dll", false);
  ck_assert_str_eq(
      said,
      "ok function: BfSetupFilter (bindfltapi.dll) is there\n"
      "warning function: BfSetupFilter (bindfltapi.dll) is missing: mounts are links (the behaviour "
      "\"symlink\"), not bindings\n"
      "warning function: ActivateLayer (vmcompute.dll) is missing: image layers cannot be mounted\n"
      "ok function: SetIoRateControlInformationJobObject (kernel32.dll) is there\n"
      "ok function: SetIoRateControlInformationJobObject (kernel32.dll) is missing, as after Windows 10 "
      "1607: limits of storage I/O are refused\n");
}
END_TEST

START_TEST(what_was_tried) {
  static const struct {
    void (*examine)(const struct hp_examiner *to, struct hp_error *err);
    const char *said;
  } rows[] = {
      {hp_examine_bindings,
       "ok bind: a silo can bind: mounts are seen in their container only\nwarning bind: no\n"},
      {hp_examine_layers, "ok layers: images can be mounted\nproblem layers: no\n"},
      {hp_examine_volume_base, "ok volumes: C:\\hpc is free, or the administrators'\nproblem volumes: no\n"},
  };
  struct hp_error err = HP_ERROR_INIT;
  rows[_i].examine(&ear, &err);
  hp_error_set(&err, HP_FAILED_PRECONDITION, "no");
  rows[_i].examine(&ear, &err);
  ck_assert_str_eq(said, rows[_i].said);
  ck_assert_ptr_null(err.message);
}
END_TEST

START_TEST(ledgers) {
  char *directory = unit_directory("examine"), *none = hp_printf("%s\\none", directory);
  for (char *slash = none; (slash = strchr(slash, '/'));)
    *slash = '\\';
  unit_set_environment("HOSTPROCESS_STATE_DIR", none);
  hp_examine_ledger(&ear);
  ck_assert_str_eq(said, "ok ledger: it holds 0 claims\n");
  unit_write(none, "", 0); /* a file is no place for it */
  hp_examine_ledger(&ear);
  ck_assert_msg(strstr(said, "\nproblem ledger: ") != NULL, "%s", said);
  unit_set_environment("HOSTPROCESS_STATE_DIR", NULL);
  unit_remove(none);
  unit_remove_directory(directory);
  free(none);
  free(directory);
}
END_TEST

START_TEST(this_host) {
  static const char *const lines[] = {
      " account: this program runs as ",
      " containerd: containerd ",
      "ok bind: a silo can bind",
      "ok layers: images can be mounted",
      "ok function: BfSetupFilter (bindfltapi.dll) is there",
      "ok function: SetIoRateControlInformationJobObject (kernel32.dll) is ",
      " volumes: ",
      " ledger: ",
  };
  winsim_reset();
  winsim_set_build(20348);
  host_examine(NULL, hear, &count);
  ck_assert_msg(strstr(said, "ok system: Windows build 20348") != NULL, "%s", said);
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
    ck_assert_msg(strstr(said, lines[i]) != NULL, "no \"%s\" in %s", lines[i], said);
  size_t privileges_said = 0;
  for (const char *at = said; (at = strstr(at, " privileges: Se")); at++)
    privileges_said++;
  ck_assert_uint_eq(privileges_said, 5);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/windows/examine");
  TCase *facts = tcase_create("facts");
  tcase_add_checked_fixture(facts, set_up, tear_down);
  tcase_add_test(facts, systems);
  tcase_add_test(facts, accounts);
  tcase_add_test(facts, containerds);
  tcase_add_test(facts, privileges);
  tcase_add_test(facts, functions);
  tcase_add_loop_test(facts, what_was_tried, 0, 3);
  tcase_add_test(facts, ledgers);
  tcase_add_test(facts, this_host);
  suite_add_tcase(suite, facts);
  return hp_run_suite(suite);
}
