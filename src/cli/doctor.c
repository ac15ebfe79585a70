/* doctor: what this host lacks, and what to do about it. Looks and changes nothing. */
#include "cli/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/log.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/style.h"
#include "spec/policy.h"

#if defined(_WIN32)
#define PATH_SEPARATORS ";"
#define EXECUTABLE HP_PROGRAM ".exe"
#else
#define PATH_SEPARATORS ":"
#define EXECUTABLE HP_PROGRAM
#endif

static const char *const status_names[] = {"ok", "warning", "problem"};

void hp_doctor_say(void *arg, enum host_health health, const char *check, const char *remedy,
                   const char *text) {
  struct hp_doctor *doctor = arg;
  char *shown = hp_utf8_printable(text);
  json_array_append_new(doctor->findings,
                        json_pack("{s:s, s:s, s:s, s:s*}", "check", check, "status", status_names[health],
                                  "text", shown, "remedy", health == HOST_OK ? NULL : remedy));
  free(shown);
  doctor->warnings += health == HOST_WARNING;
  doctor->problems += health == HOST_PROBLEM;
}

void hp_doctor_take(struct hp_doctor *doctor, enum host_health health, const char *check, const char *remedy,
                    char *text) {
  hp_doctor_say(doctor, health, check, remedy, text);
  free(text);
}

/* ---- the node policy ------------------------------------------------------------- */

/* Takes more; NULL: nothing. */
static void append(char **text, char *more) {
  char *longer = more ? hp_printf("%s, %s", *text, more) : NULL;
  if (longer) {
    free(*text);
    *text = longer;
  }
  free(more);
}

static char *maximum(struct hp_number number, const char *unit) {
  return number.set ? hp_printf("at most %lld %s", (long long)number.value, unit) : NULL;
}

static char *summarize(const struct hp_policy *policy) {
  char *text =
      hp_printf("%s: hostProcess is %s, mounts %s", policy->file ? policy->file : "the built-in default",
                policy->assume ? "assumed" : "required",
                policy->mount_behavior == HP_MOUNT_BIND      ? "bind"
                : policy->mount_behavior == HP_MOUNT_SYMLINK ? "are links"
                                                             : "as the host can");
  append(&text, policy->has_accounts ? hp_printf("%zu accounts", policy->accounts.count)
                                     : hp_strdup("all accounts"));
  append(&text, policy->forbids_inherit ? hp_strdup("the shim's own account to nobody") : NULL);
  append(&text, policy->has_locations ? hp_printf("%zu rootfs locations", policy->locations.count) : NULL);
  append(&text, maximum(policy->memory_max, "bytes of memory"));
  append(&text, maximum(policy->cpu_max, "thousandths of a processor"));
  append(&text, maximum(policy->storage_max, "bytes of storage"));
  return text;
}

/* What names a file for every shim is containerd's environment, which is not ours. */
void hp_doctor_policy(struct hp_doctor *doctor, const char *path) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  const char *ours = path ? NULL : getenv("HOSTPROCESS_POLICY");
  bool named = ours && *ours;
  if (hp_policy_load(path, host_file_distrust, &policy, &err) == 0) {
    char *text = summarize(&policy);
    if (!path)
      append(&text, hp_strdup(named ? "as HOSTPROCESS_POLICY says here; containerd's own may differ"
                                    : "unless containerd's own HOSTPROCESS_POLICY names another"));
    hp_doctor_take(doctor, HOST_OK, "policy", NULL, text);
    hp_policy_clear(&policy);
  } else {
    hp_doctor_say(doctor, HOST_PROBLEM, "policy",
                  named ? "mend the file, or set HOSTPROCESS_POLICY as containerd has it"
                        : "mend the file: until then no HostProcess container starts",
                  err.message);
  }
  hp_error_clear(&err);
}

/* ---- the program --------------------------------------------------------------------- */

static bool is_file(const char *path) {
  uv_fs_t request;
  bool found = uv_fs_stat(NULL, &request, path, NULL) == 0 && (request.statbuf.st_mode & 0170000) == 0100000;
  uv_fs_req_cleanup(&request);
  return found;
}

bool hp_doctor_runs(const char *path) {
  uv_fs_t request;
  bool runs = uv_fs_access(NULL, &request, path, X_OK, NULL) == 0;
  uv_fs_req_cleanup(&request);
  return runs && is_file(path);
}

/* Takes path; true: containerd starts it. What it would pass over is kept to be said. */
static bool try_program(char **found, char *path) {
  if (*found && !is_file(path)) {
    free(path);
    return false;
  }
  free(*found);
  *found = path;
  return hp_doctor_runs(path);
}

/* Where containerd looks: beside itself and on its PATH, of which ours is a guess.
 * *found is owned; false: what is there last, if anything, cannot be run. */
static bool find_program(char **found) {
  struct host_containerd containerd;
  bool runs = false;
  host_find_containerd(&containerd);
  if (containerd.program) {
    size_t directory = strlen(containerd.program);
    while (directory > 0 && !strchr("/\\", containerd.program[directory - 1]))
      directory--;
    runs = try_program(found, hp_printf("%.*s" EXECUTABLE, (int)directory, containerd.program));
  }
  host_containerd_clear(&containerd);
  for (const char *path = getenv("PATH"); path && *path && !runs;) {
    size_t length = strcspn(path, PATH_SEPARATORS);
    runs = try_program(found, hp_printf("%.*s/" EXECUTABLE, (int)length, path));
    path += length + (path[length] != 0);
  }
  return runs;
}

static void examine_program(struct hp_doctor *doctor) {
  char *found = NULL;
  if (find_program(&found))
    hp_doctor_take(doctor, HOST_OK, "program", NULL, hp_printf("containerd finds %s", found));
  else if (found && is_file(found))
    hp_doctor_take(doctor, HOST_PROBLEM, "program", "give it its mode: chmod 0755",
                   hp_printf("%s cannot be run", found));
  else
    hp_doctor_say(doctor, HOST_WARNING, "program",
                  "put " EXECUTABLE
                  " beside containerd or on its PATH, or name it in the runtime's runtime_path",
                  EXECUTABLE " is neither beside a running containerd nor on this PATH");
  free(found);
}

/* ---- answers ---------------------------------------------------------------------------- */

static void print_text(const struct hp_doctor *doctor) {
  size_t index;
  const json_t *finding;
  json_array_foreach(doctor->findings, index, finding) {
    const char *status = json_string_value(json_object_get(finding, "status"));
    const char *remedy = json_string_value(json_object_get(finding, "remedy"));
    enum hp_style style = strcmp(status, status_names[HOST_OK]) == 0        ? HP_STYLE_GOOD
                          : strcmp(status, status_names[HOST_WARNING]) == 0 ? HP_STYLE_WARNING
                                                                            : HP_STYLE_BAD;
    printf("%s%-7s%s  %s: %s\n", hp_style(style), status, hp_style(HP_STYLE_END),
           json_string_value(json_object_get(finding, "check")),
           json_string_value(json_object_get(finding, "text")));
    while (remedy && *remedy) { /* lines to copy stay lines */
      size_t length = strcspn(remedy, "\n");
      printf("         %.*s\n", (int)length, remedy);
      remedy += length + (remedy[length] == '\n');
    }
  }
  printf("%zu problems, %zu warnings\n", doctor->problems, doctor->warnings);
}

static void print_json(const struct hp_doctor *doctor) {
  json_t *whole = json_pack("{s:O, s:I, s:I}", "findings", doctor->findings, "problems",
                            (json_int_t)doctor->problems, "warnings", (json_int_t)doctor->warnings);
  json_dumpf(whole, stdout, JSON_INDENT(2));
  putchar('\n');
  json_decref(whole);
}

int hp_cli_doctor(const struct hp_call *call) {
  int json = hp_call_json(call);
  if (json < 0 || hp_call_no_operands(call) != 0)
    return HP_STATUS_USAGE;
  struct hp_doctor doctor = {.findings = json_array()};
  hp_log_set_sink(NULL, NULL); /* what is found is said once */
  host_examine(hp_call_option(call, "sockets"), hp_doctor_say, &doctor);
  hp_doctor_policy(&doctor, NULL);
  examine_program(&doctor);
  hp_doctor_config(&doctor, hp_call_option(call, "containerd-config"));
  if (json)
    print_json(&doctor);
  else
    print_text(&doctor);
  json_decref(doctor.findings);
  int status = hp_cli_flush();
  return doctor.problems > 0 ? EXIT_FAILURE : status;
}
