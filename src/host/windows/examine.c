/* What `doctor` says of a Windows host. */
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "host/host.h"
#include "host/ledger.h"
#include "host/windows/examine.h"
#include "host/windows/layers.h"
#include "host/windows/private_directory.h"
#include "host/windows/silo.h"
#include "host/windows/token.h"
#include "host/windows/volume.h"
#include "host/windows/winapi.h"

#define OLDEST_BUILD 17763u /* Windows Server 2019 */

static void say(const struct hp_examiner *to, enum host_health health, const char *check, const char *remedy,
                char *text) {
  to->say(to->arg, health, check, health == HOST_OK ? NULL : remedy, text);
  free(text);
}

/* Takes the error: where there is none, all is well. */
static void say_error(const struct hp_examiner *to, struct hp_error *err, const char *check, const char *well,
                      enum host_health otherwise, const char *remedy) {
  bool good = err->code == HP_OK;
  say(to, good ? HOST_OK : otherwise, check, remedy, hp_strdup(good ? well : err->message));
  hp_error_clear(err);
}

void hp_examine_system(const struct hp_examiner *to, unsigned build, bool wine) {
  say(to, build >= OLDEST_BUILD ? HOST_OK : HOST_PROBLEM, "system",
      "update to Windows Server 2019 (build 17763) or later",
      hp_printf("Windows build %u%s", build, wine ? ", Wine" : ""));
}

/* ---- who we are ---------------------------------------------------------------- */

static bool is_service_account(PSID sid) {
  return IsWellKnownSid(sid, WinLocalSystemSid) || IsWellKnownSid(sid, WinLocalServiceSid);
}

void hp_examine_account(const struct hp_examiner *to, PSID sid, const char *name) {
  say(to, sid && is_service_account(sid) ? HOST_OK : HOST_WARNING, "account",
      "run it as containerd's own account, LocalSystem: what follows is said of this one",
      hp_printf("this program runs as %s", name));
}

void hp_examine_containerd(const struct hp_examiner *to, const struct host_containerd *containerd) {
  if (containerd->pid == 0)
    say(to, HOST_WARNING, "containerd", "start it: Start-Service containerd",
        hp_strdup("containerd does not run"));
  else
    say(to, containerd->privileged ? HOST_OK : HOST_WARNING, "containerd",
        "containerd must run as LocalSystem or LocalService: sc.exe config containerd obj= LocalSystem",
        hp_printf("containerd (pid %u) runs as %s", containerd->pid,
                  containerd->account ? containerd->account : "somebody who cannot be seen"));
}

void hp_examine_privilege(const struct hp_examiner *to, const char *name, const char *lost, bool have) {
  say(to, have ? HOST_OK : HOST_PROBLEM, "privileges", "run containerd as LocalSystem, which has it",
      have ? hp_printf("%s is there", name) : hp_printf("%s is missing: %s", name, lost));
}

static void examine_privileges(const struct hp_examiner *to) {
  static const struct {
    const wchar_t *name;
    const char *shown, *lost;
  } needed[] = {
      {SE_TCB_NAME, "SeTcbPrivilege", "nobody can be logged on without a password"},
      {SE_ASSIGNPRIMARYTOKEN_NAME, "SeAssignPrimaryTokenPrivilege",
       "nothing can be started as another account"},
      {SE_INCREASE_QUOTA_NAME, "SeIncreaseQuotaPrivilege", "nothing can be started as another account"},
      {SE_BACKUP_NAME, "SeBackupPrivilege", "a dead shim's profiles stay loaded, and layers may not mount"},
      {SE_RESTORE_NAME, "SeRestorePrivilege", "a dead shim's profiles stay loaded, and layers may not mount"},
  };
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
    hp_examine_privilege(to, needed[i].shown, needed[i].lost, hp_privilege_enable(needed[i].name));
}

/* ---- what the system can do -------------------------------------------------------- */

/* What is lost without a function that is looked up. */
static const char *lost_without(const char *name) {
  static const struct {
    const char *name, *lost;
  } known[] = {
      {"IsWow64Process2", "signals to programs of another processor end them"},
      {"CreatePseudoConsole", "no container has a terminal"},
      {"ResizePseudoConsole", "terminals keep their size"},
      {"ClosePseudoConsole", "no container has a terminal"},
      {"CtrlRoutine", "programs cannot be asked to stop, only ended"},
      {"NtQueryInformationProcess", "the private working set is not counted"},
      {"NtCreateFile", "no volume can be walked: mounts are refused"},
      {"RtlNtStatusToDosError", "errors of the system have numbers only"},
      {"RtlGetVersion", "the build is not known"},
      {"BfSetupFilter", "mounts are links (the behaviour \"symlink\"), not bindings"},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (strcmp(known[i].name, name) == 0)
      return known[i].lost;
  return "image layers cannot be mounted";
}

/* Microsoft ended I/O limits of jobs after Windows 10 1607: no update brings them. */
static bool is_gone(const char *name) {
  return strcmp(name, "SetIoRateControlInformationJobObject") == 0;
}

void hp_examine_function(void *arg, const char *name, const char *library, bool there) {
  const struct hp_examiner *to = arg;
  if (strcmp(name, "wine_get_version") == 0)
    return;
  say(to, there || is_gone(name) ? HOST_OK : HOST_WARNING, "function",
      "install the updates of Windows, and the feature Containers",
      there ? hp_printf("%s (%s) is there", name, library)
      : is_gone(name)
          ? hp_printf("%s (%s) is missing, as after Windows 10 1607: limits of storage I/O are refused", name,
                      library)
          : hp_printf("%s (%s) is missing: %s", name, library, lost_without(name)));
}

void hp_examine_bindings(const struct hp_examiner *to, struct hp_error *err) {
  say_error(to, err, "bind", "a silo can bind: mounts are seen in their container only", HOST_WARNING,
            "without it the behaviour is \"symlink\"; install the updates of Windows");
}

void hp_examine_layers(const struct hp_examiner *to, struct hp_error *err) {
  say_error(to, err, "layers", "images can be mounted", HOST_PROBLEM,
            "install the feature: Install-WindowsFeature Containers");
}

/* ---- places --------------------------------------------------------------------------- */

void hp_examine_ledger(const struct hp_examiner *to) {
  json_t *claims = NULL;
  struct hp_error err = HP_ERROR_INIT;
  if (hp_ledger_read(&claims, &err) == 0)
    say(to, HOST_OK, "ledger", NULL, hp_printf("it holds %zu claims", json_array_size(claims)));
  else
    say(to, HOST_PROBLEM, "ledger", "see the message: containers with accounts or mounts cannot be made",
        hp_strdup(err.message));
  json_decref(claims);
  hp_error_clear(&err);
}

void hp_examine_volume_base(const struct hp_examiner *to, struct hp_error *err) {
  say_error(to, err, "volumes", "C:\\hpc is free, or the administrators'", HOST_PROBLEM, "move C:\\hpc away");
}

static void examine_what_runs(const struct hp_examiner *to) {
  TOKEN_USER *user = hp_token_own_user();
  char *name = hp_token_own_name();
  struct host_containerd containerd;
  host_find_containerd(&containerd);
  hp_examine_account(to, user ? user->User.Sid : NULL, name);
  hp_examine_containerd(to, &containerd);
  host_containerd_clear(&containerd);
  free(name);
  free(user);
}

void host_examine(const char *socket_dir, host_say saying, void *arg) {
  struct hp_examiner to = {saying, arg};
  struct hp_error err = HP_ERROR_INIT;
  (void)socket_dir; /* pipes live in no directory */
  hp_examine_system(&to, hp_winapi_build(), hp_winapi_is_wine());
  examine_what_runs(&to);
  examine_privileges(&to);
  hp_silo_probe(&err);
  hp_examine_bindings(&to, &err);
  hp_layers_check(&err);
  hp_examine_layers(&to, &err);
  hp_winapi_each(hp_examine_function, &to);
  hp_private_directory_check(HP_VOLUME_BASE, "the container volumes' place", &err);
  hp_examine_volume_base(&to, &err);
  hp_examine_ledger(&to);
}
