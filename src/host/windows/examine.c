/* What `doctor` says of a Windows host. */
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "host/host.h"
#include "host/ledger.h"
#include "host/windows/layers.h"
#include "host/windows/private_directory.h"
#include "host/windows/silo.h"
#include "host/windows/token.h"
#include "host/windows/volume.h"
#include "host/windows/winapi.h"

#define OLDEST_BUILD 17763u /* Windows Server 2019 */

struct doctor {
  host_say say;
  void *arg;
};

static void say(const struct doctor *doctor, enum host_health health, const char *check, const char *remedy,
                char *text) {
  doctor->say(doctor->arg, health, check, health == HOST_OK ? NULL : remedy, text);
  free(text);
}

static void examine_system(const struct doctor *doctor) {
  unsigned build = hp_winapi_build();
  say(doctor, build >= OLDEST_BUILD ? HOST_OK : HOST_PROBLEM, "system",
      "update to Windows Server 2019 (build 17763) or later",
      hp_printf("Windows build %u%s", build, hp_winapi_is_wine() ? ", Wine" : ""));
}

/* ---- who we are ---------------------------------------------------------------- */

static bool is_service_account(PSID sid) {
  return IsWellKnownSid(sid, WinLocalSystemSid) || IsWellKnownSid(sid, WinLocalServiceSid);
}

static void examine_account(const struct doctor *doctor) {
  TOKEN_USER *user = hp_token_own_user();
  char *name = hp_token_own_name();
  say(doctor, user && is_service_account(user->User.Sid) ? HOST_OK : HOST_WARNING, "account",
      "run it as containerd's own account, LocalSystem: what follows is said of this one",
      hp_printf("this program runs as %s", name));
  free(name);
  free(user);
}

static void examine_containerd(const struct doctor *doctor) {
  struct host_containerd containerd;
  host_find_containerd(&containerd);
  if (containerd.pid == 0)
    say(doctor, HOST_WARNING, "containerd", "start it: Start-Service containerd",
        hp_strdup("containerd does not run"));
  else
    say(doctor, containerd.privileged ? HOST_OK : HOST_WARNING, "containerd",
        "containerd must run as LocalSystem or LocalService: sc.exe config containerd obj= LocalSystem",
        hp_printf("containerd (pid %u) runs as %s", containerd.pid,
                  containerd.account ? containerd.account : "somebody who cannot be seen"));
  host_containerd_clear(&containerd);
}

static void examine_privileges(const struct doctor *doctor) {
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
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
    bool have = hp_privilege_enable(needed[i].name);
    say(doctor, have ? HOST_OK : HOST_PROBLEM, "privileges", "run containerd as LocalSystem, which has it",
        have ? hp_printf("%s is there", needed[i].shown)
             : hp_printf("%s is missing: %s", needed[i].shown, needed[i].lost));
  }
}

/* ---- what the system can do -------------------------------------------------------- */

/* What is lost without a function that is looked up. */
static const char *lost_without(const char *name) {
  static const struct {
    const char *name, *lost;
  } known[] = {
      {"IsWow64Process2", "signals to programs of another processor end them"},
      {"SetIoRateControlInformationJobObject", "limits of storage I/O are refused"},
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

static void examine_function(void *arg, const char *name, const char *library, bool there) {
  const struct doctor *doctor = arg;
  if (strcmp(name, "wine_get_version") == 0)
    return;
  say(doctor, there ? HOST_OK : HOST_WARNING, "function",
      "install the updates of Windows, and the feature Containers",
      there ? hp_printf("%s (%s) is there", name, library)
            : hp_printf("%s (%s) is missing: %s", name, library, lost_without(name)));
}

static void examine_bindings(const struct doctor *doctor) {
  struct hp_error err = HP_ERROR_INIT;
  if (hp_silo_probe(&err) == 0)
    say(doctor, HOST_OK, "bind", NULL, hp_strdup("a silo can bind: mounts are seen in their container only"));
  else
    say(doctor, HOST_WARNING, "bind",
        "without it the behaviour is \"symlink\"; install the updates of Windows", hp_strdup(err.message));
  hp_error_clear(&err);
}

static void examine_layers(const struct doctor *doctor) {
  struct hp_error err = HP_ERROR_INIT;
  if (hp_layers_check(&err) == 0)
    say(doctor, HOST_OK, "layers", NULL, hp_strdup("images can be mounted"));
  else
    say(doctor, HOST_PROBLEM, "layers", "install the feature: Install-WindowsFeature Containers",
        hp_strdup(err.message));
  hp_error_clear(&err);
}

/* ---- places --------------------------------------------------------------------------- */

static void examine_ledger(const struct doctor *doctor) {
  json_t *claims = NULL;
  struct hp_error err = HP_ERROR_INIT;
  if (hp_ledger_read(&claims, &err) == 0)
    say(doctor, HOST_OK, "ledger", NULL, hp_printf("it holds %zu claims", json_array_size(claims)));
  else
    say(doctor, HOST_PROBLEM, "ledger", "see the message: containers with accounts or mounts cannot be made",
        hp_strdup(err.message));
  json_decref(claims);
  hp_error_clear(&err);
}

static void examine_volume_base(const struct doctor *doctor) {
  struct hp_error err = HP_ERROR_INIT;
  if (hp_private_directory_check(HP_VOLUME_BASE, "the container volumes' place", &err) == 0)
    say(doctor, HOST_OK, "volumes", NULL, hp_strdup("C:\\hpc is free, or the administrators'"));
  else
    say(doctor, HOST_PROBLEM, "volumes", "move C:\\hpc away", hp_strdup(err.message));
  hp_error_clear(&err);
}

void host_examine(const char *socket_dir, host_say saying, void *arg) {
  struct doctor doctor = {saying, arg};
  (void)socket_dir; /* pipes live in no directory */
  examine_system(&doctor);
  examine_account(&doctor);
  examine_containerd(&doctor);
  examine_privileges(&doctor);
  examine_bindings(&doctor);
  examine_layers(&doctor);
  hp_winapi_each(examine_function, &doctor);
  examine_volume_base(&doctor);
  examine_ledger(&doctor);
}
