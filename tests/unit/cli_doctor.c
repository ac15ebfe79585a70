/* doctor as a whole: what it makes of its own environment, and of what it finds. */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capture.h"
#include "cli/command.h"
#include "cli/doctor.h"
#include "support.h"

#if defined(_WIN32)
#define EXECUTABLE "containerd-shim-hostprocess-v1.exe"
#else
#define EXECUTABLE "containerd-shim-hostprocess-v1"
#endif

static char *directory, *path_before;

static char *place(const char *name) {
  return hp_printf("%s/%s", directory, name);
}

/* The C library has a copy of its own on Windows. */
static void set_environment(const char *name, const char *value) {
  unit_set_environment(name, value);
#if defined(_WIN32)
  ck_assert_int_eq(_putenv_s(name, value ? value : ""), 0);
#endif
}

static void set_up(void) {
  const char *path = getenv("PATH");
  path_before = hp_strdup(path ? path : "");
  directory = unit_directory("doctor");
  set_environment("PATH", directory);
  set_environment("HOSTPROCESS_POLICY", NULL);
}

static void tear_down(void) {
  static const char *const names[] = {EXECUTABLE, "policy.json"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char *path = place(names[i]);
    unit_remove(path);
    free(path);
  }
  set_environment("PATH", path_before);
  set_environment("HOSTPROCESS_POLICY", NULL);
  unit_remove_directory(directory);
  free(directory);
  free(path_before);
}

/* What doctor -o json answers. */
static json_t *answer(int *status) {
  char word_o[] = "-o", word_json[] = "json", *words[] = {word_o, word_json, NULL};
  static char text[64 * 1024];
  struct hp_call call;
  ck_assert_int_eq(hp_call_parse(hp_command_find("doctor"), words, &call), 0);
  struct capture capture = capture_begin(stdout);
  *status = call.command->run(&call);
  capture_end(&capture, text, sizeof text);
  hp_call_clear(&call);
  json_t *whole = json_loads(text, 0, NULL);
  ck_assert_msg(whole != NULL, "%s", text);
  return whole;
}

static const char *of(const json_t *found, const char *key) {
  const char *text = json_string_value(json_object_get(found, key));
  return text ? text : "";
}

/* The first finding of that check in the answer, whose sums are right; owned. */
static json_t *finding(const char *check) {
  int status;
  json_t *whole = answer(&status), *found = NULL, *at;
  json_int_t problems = 0, warnings = 0;
  size_t index;
  json_array_foreach(json_object_get(whole, "findings"), index, at) {
    if (!found && strcmp(of(at, "check"), check) == 0)
      found = json_incref(at);
    problems += strcmp(of(at, "status"), "problem") == 0;
    warnings += strcmp(of(at, "status"), "warning") == 0;
  }
  ck_assert_int_eq(json_integer_value(json_object_get(whole, "problems")), problems);
  ck_assert_int_eq(json_integer_value(json_object_get(whole, "warnings")), warnings);
  ck_assert_int_eq(status, problems > 0);
  json_decref(whole);
  ck_assert_msg(found != NULL, "no finding of %s", check);
  return found;
}

START_TEST(the_program_may_be_run) {
  char *program = place(EXECUTABLE);
  json_t *found = finding("program");
  ck_assert_str_eq(of(found, "status"), "warning");
  json_decref(found);
  unit_write(program, "#!/bin/sh\n", 10);
#if defined(__linux__)
  ck_assert_int_eq(chmod(program, 0644), 0);
  found = finding("program");
  ck_assert_str_eq(of(found, "status"), "problem");
  char *text = hp_printf("%s cannot be run", program);
  ck_assert_str_eq(of(found, "text"), text);
  free(text);
  json_decref(found);
  ck_assert_int_eq(chmod(program, 0755), 0);
#endif
  found = finding("program");
  ck_assert_str_eq(of(found, "status"), "ok");
  ck_assert_ptr_nonnull(strstr(of(found, "text"), EXECUTABLE));
  json_decref(found);
  free(program);
}
END_TEST

START_TEST(the_policy_may_be_another_for_containerd) {
  struct hp_doctor doctor = {.findings = json_array()};
  char *policy = place("policy.json");
  unit_write(policy, "{}", 2);
  set_environment("HOSTPROCESS_POLICY", policy);
  hp_doctor_policy(&doctor, NULL);
  const json_t *found = json_array_get(doctor.findings, 0);
  ck_assert_msg(strstr(of(found, "text"), ", as HOSTPROCESS_POLICY says here; containerd's own may differ") !=
                    NULL,
                "%s", of(found, "text"));
  hp_doctor_policy(&doctor, policy); /* the runtime's options win */
  ck_assert_ptr_null(strstr(of(json_array_get(doctor.findings, 1), "text"), "HOSTPROCESS_POLICY"));
  ck_assert_uint_eq(doctor.problems, 0);
  unit_write(policy, "{", 1);
  hp_doctor_policy(&doctor, NULL);
  ck_assert_str_eq(of(json_array_get(doctor.findings, 2), "remedy"),
                   "mend the file, or set HOSTPROCESS_POLICY as containerd has it");
  hp_doctor_policy(&doctor, policy);
  ck_assert_str_eq(of(json_array_get(doctor.findings, 3), "remedy"),
                   "mend the file: until then no HostProcess container starts");
  ck_assert_uint_eq(doctor.problems, 2);
  set_environment("HOSTPROCESS_POLICY", ""); /* as good as unset */
  hp_doctor_policy(&doctor, NULL);
  ck_assert_ptr_null(strstr(of(json_array_get(doctor.findings, 4), "text"), "says here"));
  json_decref(doctor.findings);
  free(policy);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("cli/doctor");
  TCase *whole = tcase_create("doctor");
  tcase_add_checked_fixture(whole, set_up, tear_down);
  tcase_add_test(whole, the_program_may_be_run);
  tcase_add_test(whole, the_policy_may_be_another_for_containerd);
  suite_add_tcase(suite, whole);
  return hp_run_suite(suite);
}
