/* containerd's configuration as doctor judges it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/doctor.h"
#include "support.h"

#define TABLE_2 "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.hostprocess]\n"
#define TABLE_3 "[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.hostprocess]\n"
#define TYPE "runtime_type = \"io.containerd.hostprocess.v1\"\n"
#define ANNOTATIONS "pod_annotations = [\"microsoft.com/*\"]\ncontainer_annotations = [\"microsoft.com/*\"]\n"

static struct hp_doctor doctor;

static void set_up(void) {
  doctor = (struct hp_doctor){.findings = json_array()};
}

static void tear_down(void) {
  json_decref(doctor.findings);
}

static void judge(const char *text) {
  json_array_clear(doctor.findings);
  doctor.warnings = doctor.problems = 0;
  hp_doctor_config_text(&doctor, "config.toml", text, strlen(text));
}

/* The finding of that check: a member of it, "" if there is none. */
static const char *said(const char *check, const char *member) {
  size_t index;
  const json_t *finding;
  json_array_foreach(doctor.findings, index, finding) {
    if (strcmp(json_string_value(json_object_get(finding, "check")), check) != 0)
      continue;
    const char *text = json_string_value(json_object_get(finding, member));
    return text ? text : "";
  }
  return "";
}

START_TEST(the_runtime_is_there) {
  static const char *const texts[] = {
      "version = 2\n" TABLE_2 TYPE ANNOTATIONS,
      "version = 3\n" TABLE_3 TYPE ANNOTATIONS,
      "version = 4\n" TABLE_3 TYPE ANNOTATIONS,
      "version = 3\n" TABLE_3 TYPE
      "pod_annotations = ['*/*']\ncontainer_annotations = ['a', 'microsoft.com/host*']\n",
  };
  judge(texts[_i]);
  ck_assert_uint_eq(doctor.problems + doctor.warnings, 0);
  ck_assert_str_eq(said("runtime", "status"), "ok");
  ck_assert_str_eq(said("runtime", "text"), "config.toml has it as \"hostprocess\"");
}
END_TEST

START_TEST(the_lines_to_add_are_those_of_the_version) {
  judge("version = 2\n");
  ck_assert_str_eq(said("runtime", "status"), "problem");
  ck_assert_str_eq(
      said("runtime", "remedy"),
      "add these lines, then restart containerd:\n" TABLE_2 "  " TYPE
      "  pod_annotations = [\"microsoft.com/*\"]\n  container_annotations = [\"microsoft.com/*\"]");
  judge("version = 4\n" TABLE_2 TYPE ANNOTATIONS);
  ck_assert_ptr_nonnull(strstr(said("runtime", "remedy"), TABLE_3));
  ck_assert_str_eq(said("version", "text"),
                   "config.toml is of version 4 and has tables of io.containerd.grpc.v1.cri");
  ck_assert_uint_eq(doctor.problems, 1);
}
END_TEST

/* What is to be added is enough. */
START_TEST(the_lines_to_add_mend_it) {
  char text[1024];
  judge("version = 3\n");
  const char *lines = strchr(said("runtime", "remedy"), '\n');
  ck_assert_ptr_nonnull(lines);
  snprintf(text, sizeof text, "version = 3%s\n", lines);
  judge(text);
  ck_assert_uint_eq(doctor.problems + doctor.warnings, 0);
}
END_TEST

START_TEST(other_versions) {
  judge("root = '/x'\n");
  ck_assert_str_eq(said("version", "text"), "config.toml says no version, which means 1");
  ck_assert_uint_eq(doctor.problems, 1);
  judge("version = 1\n");
  ck_assert_str_eq(said("version", "text"), "config.toml is of version 1");
  judge("version = 'three'\n" TABLE_3 TYPE ANNOTATIONS);
  ck_assert_uint_eq(doctor.problems, 1);
  judge("version = 5\n" TABLE_3 TYPE ANNOTATIONS);
  ck_assert_str_eq(said("version", "text"), "config.toml is of version 5, which no containerd reads");
  ck_assert_str_eq(said("version", "status"), "problem");
}
END_TEST

/* The text of the finding that has this part, "" if there is none. */
static const char *finding_with(const char *part) {
  size_t index;
  const json_t *finding;
  json_array_foreach(doctor.findings, index, finding) {
    const char *text = json_string_value(json_object_get(finding, "text"));
    if (strstr(text, part))
      return text;
  }
  return "";
}

START_TEST(plugins_that_are_disabled) {
  static const struct {
    const char *text, *said; /* "": nothing */
  } rows[] = {
      {"version = 3\ndisabled_plugins = ['io.containerd.cri.v1.runtime']\n",
       "config.toml disables io.containerd.cri.v1.runtime, without which there are no pods"},
      {"version = 3\ndisabled_plugins = ['x.y', 'io.containerd.grpc.v1.cri']\n",
       "config.toml disables io.containerd.grpc.v1.cri, without which there are no pods"},
      {"version = 3\ndisabled_plugins = ['cri']\n",
       "config.toml disables cri, a name of version 1, at which containerd does not start"},
      {"version = 3\ndisabled_plugins = ['aufs']\n",
       "config.toml disables aufs, a name of version 1, at which containerd does not start"},
      {"disabled_plugins = ['cri']\n", "config.toml disables cri, without which there are no pods"},
      {"disabled_plugins = ['aufs']\n", ""},
      {"version = 3\ndisabled_plugins = ['io.containerd.snapshotter.v1.aufs', 1]\n", ""},
      {"version = 3\ndisabled_plugins = []\n", ""},
  };
  char *text = hp_printf("%s" TABLE_3 TYPE ANNOTATIONS, rows[_i].text);
  judge(text);
  ck_assert_str_eq(said("disabled_plugins", "text"), rows[_i].said);
  ck_assert_uint_eq(doctor.problems, *rows[_i].said != 0);
  free(text);
}
END_TEST

#define FOUR                                                                                                 \
  "microsoft.com/hostprocess-container', 'microsoft.com/hostprocess-inherit-user', "                         \
  "'microsoft.com/hostprocess-mount-behavior', 'microsoft.com/hostprocess-rootfs-location"

/* What containerd's path.Match lets pass, on Linux; on Windows containerd itself sets
 * hostprocess-container, and nothing is worse than a warning. */
static const struct {
  const char *patterns, *status, *lost; /* lost: the end of what is said */
} passing[] = {
    {"microsoft.com/*", "", ""},
    {"*/*", "", ""},
    {"*/hostprocess-*", "", ""},
    {"other', 'microsoft.com/hostprocess-[a-z]*", "", ""},
    {FOUR, "", ""},
    {"", "problem", "hostprocess-rootfs-location"},
    {"*", "problem", "hostprocess-rootfs-location"},
    {"mic*", "problem", "hostprocess-rootfs-location"},
    {"example.com/*", "problem", "hostprocess-rootfs-location"},
    {"microsoft.com/hostprocess-", "problem", "hostprocess-rootfs-location"},
    {"microsoft.com/hostprocess-[a-z", "problem", "hostprocess-rootfs-location"},
    {"microsoft.com/*-[^c]*", "problem", ": microsoft.com/hostprocess-container"},
    {"microsoft.com/*-[!c]*", "warning", "mount-behavior, microsoft.com/hostprocess-rootfs-location"},
    {"microsoft.com/hostprocess-container', '*/*-[im]*", "warning",
     ": microsoft.com/hostprocess-rootfs-location"},
};

static void judge_annotations(const char *key, const char *other, const char *patterns) {
  char *text =
      hp_printf("version = 3\n" TABLE_3 TYPE "%s = ['%s']\n%s = ['microsoft.com/*']\n", key, patterns, other);
  judge(text);
  free(text);
}

START_TEST(annotations_that_pass) {
  static const char key[] = "pod_annotations", other[] = "container_annotations";
  const char *status = passing[_i].status, *lost = passing[_i].lost;
#if defined(_WIN32)
  if (strstr(lost, "-container"))
    status = lost = "";
  else if (*status)
    status = "warning";
#endif
  judge_annotations(key, other, passing[_i].patterns);
  ck_assert_msg(strcmp(said(key, "status"), status) == 0, "%s: %s", passing[_i].patterns, said(key, "text"));
  ck_assert_uint_eq(doctor.problems + doctor.warnings, *status != 0);
  size_t length = strlen(said(key, "text"));
  ck_assert(length >= strlen(lost));
  ck_assert_str_eq(said(key, "text") + length - strlen(lost), lost);
  /* A container has its pod's as well. */
  judge_annotations(other, key, passing[_i].patterns);
  ck_assert_str_eq(said(other, "status"), *status ? "warning" : "");
  ck_assert(strstr(said(other, "text"), "refuses") == NULL);
  ck_assert_uint_eq(doctor.problems, 0);
}
END_TEST

START_TEST(annotations_that_do_not_pass) {
  judge("version = 3\n" TABLE_3 TYPE
        "pod_annotations = ['example.com/*', 1]\ncontainer_annotations = 'microsoft.com/*'\n");
#if defined(__linux__)
  ck_assert_str_eq(
      said("pod_annotations", "text"),
      "runtime \"hostprocess\": of a pod's annotations these do not reach the shim, which then refuses "
      "the pod: microsoft.com/hostprocess-container, microsoft.com/hostprocess-inherit-user, "
      "microsoft.com/hostprocess-mount-behavior, microsoft.com/hostprocess-rootfs-location");
#else
  ck_assert_str_eq(said("pod_annotations", "text"),
                   "runtime \"hostprocess\": of a pod's annotations these do not reach the shim: "
                   "microsoft.com/hostprocess-inherit-user, microsoft.com/hostprocess-mount-behavior, "
                   "microsoft.com/hostprocess-rootfs-location");
#endif
  ck_assert_str_eq(
      said("pod_annotations", "remedy"),
      "add to the table of the runtime \"hostprocess\": pod_annotations = [\"microsoft.com/*\"]");
  ck_assert_str_eq(said("container_annotations", "status"), "warning");
}
END_TEST

START_TEST(a_runtime_of_another_name_or_type) {
  judge("version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.\"hp\\u001b[31m\"]\n"
        "runtime_path = '/opt/containerd-shim-hostprocess-v1'\n"
        "runtime_type = 'io.containerd.runc.v2'\nsandboxer = 'shim'\n" ANNOTATIONS);
  ck_assert_ptr_null(strchr(said("runtime", "text"), '\x1b'));
  ck_assert_str_eq(said("runtime_type", "status"), "problem");
  ck_assert_ptr_nonnull(strstr(said("runtime_type", "text"), "\"io.containerd.runc.v2\""));
  ck_assert_str_eq(said("sandboxer", "status"), "warning");
}
END_TEST

START_TEST(its_policy_is_looked_at) {
  judge("version = 3\n" TABLE_3 TYPE ANNOTATIONS
        "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes."
        "hostprocess.options]\nConfigPath = '/no/such/policy.json'\n");
  ck_assert_str_eq(said("policy", "status"), "problem");
  ck_assert_ptr_nonnull(strstr(said("policy", "text"), "/no/such/policy.json"));
}
END_TEST

/* ---- imports ------------------------------------------------------------------------ */

static char *directory;

static void write_config(const char *name, const char *text) {
  char *path = hp_printf("%s/%s", directory, name);
  unit_write(path, text, strlen(text));
  free(path);
}

static void judge_file(const char *name) {
  char *path = hp_printf("%s/%s", directory, name);
  json_array_clear(doctor.findings);
  doctor.warnings = doctor.problems = 0;
  hp_doctor_config(&doctor, path);
  free(path);
}

static void set_up_files(void) {
  set_up();
  directory = unit_directory("doctor-config");
}

static void tear_down_files(void) {
  uv_fs_t request;
  uv_dirent_t entry;
  ck_assert_int_ge(uv_fs_scandir(NULL, &request, directory, 0, NULL), 0);
  while (uv_fs_scandir_next(&request, &entry) == 0) {
    char *path = hp_printf("%s/%s", directory, entry.name);
    unit_remove(path);
    free(path);
  }
  uv_fs_req_cleanup(&request);
  unit_remove_directory(directory);
  free(directory);
  tear_down();
}

/* As containerd takes them: below the importing file's directory, stars in a name, each
 * file once, the later over the earlier. */
START_TEST(imports_are_followed) {
  write_config("main.toml", "version = 3\nimports = ['./[^x]*-par[a-t].toml', 'more.toml', 'main.toml']\n");
  write_config("a-part.toml",
               "version = 3\n" TABLE_3 "runtime_type = 'io.containerd.other.v1'\n" ANNOTATIONS);
  write_config("b-part.toml", "version = 2\nimports = ['main.toml', 'a-part.toml']\n" TABLE_2 TYPE);
  write_config("more.toml", "imports = []\n");
  write_config("x-part.toml", "x = [");
  write_config("c-part.tom", "version = 3\n" TABLE_3 "runtime_type = 'x'\n");
  judge_file("main.toml");
  ck_assert_msg(doctor.problems + doctor.warnings == 0, "%s", said("imports", "text"));
  ck_assert_ptr_nonnull(strstr(said("runtime", "text"), "b-part.toml has it as \"hostprocess\""));
}
END_TEST

#define PLUGIN_TABLE_2 "[plugins.'io.containerd.grpc.v1.cri']\nenable_selinux = true\n"
#define OTHER_TABLE_2 "[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]\nruntime_type = 'x'\n"

/* Who has the runtime, as `containerd config dump` of 1.6.20, 2.1.2 and 2.4.2 shows it;
 * whom doctor names besides the last is said in a warning, for the file's version is
 * also theirs. 'x': the file is not of that containerd. */
static const struct {
  const char *main, *import; /* import NULL: none */
  const char *have;          /* 1.6 and 1.7, 2.0 to 2.2, 2.3 and later: y or n */
} merged[] = {
    {TABLE_2 TYPE ANNOTATIONS, NULL, "xny"},
    {TABLE_3 TYPE ANNOTATIONS, NULL, "xyy"},
    {"version = 1\n" TABLE_2 TYPE ANNOTATIONS, NULL, "xny"},
    {"version = 2\n" TABLE_2 TYPE ANNOTATIONS, NULL, "yyy"},
    {"version = 2\n" TABLE_3 TYPE ANNOTATIONS, NULL, "nyy"},
    {"version = 3\n" TABLE_2 TYPE ANNOTATIONS, NULL, "xny"},
    {"version = 3\n" TABLE_3 TYPE ANNOTATIONS, NULL, "xyy"},
    {"version = 4\n" TABLE_2 TYPE ANNOTATIONS, NULL, "xxn"},
    {"version = 4\n" TABLE_3 TYPE ANNOTATIONS, NULL, "xxy"},
    {"version = 2\n", TABLE_2 TYPE ANNOTATIONS, "yyy"},
    {"version = 2\n", TABLE_3 TYPE ANNOTATIONS, "nyy"},
    {"version = 2\n", "version = 2\n" TABLE_2 TYPE ANNOTATIONS, "yyy"},
    {"version = 2\n", "version = 3\n" TABLE_2 TYPE ANNOTATIONS, "yny"},
    {"version = 2\n", "version = 3\n" TABLE_3 TYPE ANNOTATIONS, "nyy"},
    {"version = 3\n", TABLE_2 TYPE ANNOTATIONS, "xny"},
    {"version = 3\n", TABLE_3 TYPE ANNOTATIONS, "xyy"},
    {"version = 3\n", "version = 1\n" TABLE_2 TYPE ANNOTATIONS, "xny"},
    {"version = 3\n", "version = 2\n" TABLE_2 TYPE ANNOTATIONS, "xyy"},
    {"version = 3\n", "version = 3\n" TABLE_2 TYPE ANNOTATIONS, "xny"},
    {"version = 3\n", "version = 4\n" TABLE_2 TYPE ANNOTATIONS, "xxn"},
    {"version = 4\n", TABLE_2 TYPE ANNOTATIONS, "xxy"},
    /* a whole plugin's table takes the place of another */
    {"version = 2\n" TABLE_2 TYPE ANNOTATIONS, "version = 2\n" PLUGIN_TABLE_2, "nyy"},
    {"version = 2\n" TABLE_2 TYPE ANNOTATIONS, PLUGIN_TABLE_2, "nyy"},
    {"version = 2\n" TABLE_2 TYPE ANNOTATIONS, "version = 2\n" OTHER_TABLE_2, "nyy"},
    {"version = 2\n" TABLE_2 TYPE ANNOTATIONS, "version = 3\n" PLUGIN_TABLE_2, "nny"},
    {"version = 2\n" TABLE_2 TYPE ANNOTATIONS, "version = 2\n" TABLE_2 "sandboxer = 'podsandbox'\n", "nyy"},
    {"version = 2\n" TABLE_2 TYPE ANNOTATIONS, "version = 2\n" TABLE_2 TYPE ANNOTATIONS, "yyy"},
    {"version = 2\n" TABLE_2 TYPE ANNOTATIONS, "version = 2\noom_score = 0\n", "yyy"},
    {"version = 2\n" TABLE_2 TYPE ANNOTATIONS, "version = 2\n" TABLE_3 "sandboxer = 'podsandbox'\n", "nyy"},
    {"version = 3\n" TABLE_3 TYPE ANNOTATIONS, "version = 3\n" PLUGIN_TABLE_2, "xyy"},
};

START_TEST(who_has_the_runtime) {
  char *main = hp_printf("imports = ['import.toml']\n%s", merged[_i].main);
  const char *have = merged[_i].have;
  write_config("import.toml", merged[_i].import ? merged[_i].import : "");
  write_config("main.toml", main);
  judge_file("main.toml");
  ck_assert_str_eq(said("runtime", "status"), have[2] == 'y' ? "ok" : "problem");
  ck_assert_uint_eq(doctor.problems, have[2] != 'y');
  ck_assert_int_eq(*finding_with("containerd 1.6 and 1.7 do not") != 0, have[0] == 'n');
  ck_assert_int_eq(*finding_with("containerd 2.0 to 2.2 do not") != 0, have[1] == 'n');
  free(main);
}
END_TEST

START_TEST(the_file_that_takes_the_table_away_is_named) {
  write_config("main.toml", "version = 2\nimports = ['import.toml']\n" TABLE_2 TYPE ANNOTATIONS);
  write_config("import.toml", "version = 2\n" PLUGIN_TABLE_2);
  judge_file("main.toml");
  char *text = hp_printf(
      "containerd 1.6 and 1.7 do not have \"hostprocess\" so: the table of io.containerd.grpc.v1.cri in "
      "%s/import.toml takes the place of those before it",
      directory);
  ck_assert_str_eq(said("version", "text"), text);
  ck_assert_str_eq(said("version", "status"), "warning");
  free(text);
}
END_TEST

START_TEST(an_import_is_of_a_version_too) {
  write_config("main.toml", "version = 3\nimports = ['import.toml']\n" TABLE_3 TYPE ANNOTATIONS);
  write_config("import.toml", "version = 5\ndisabled_plugins = ['io.containerd.grpc.v1.cri']\n");
  judge_file("main.toml");
  ck_assert_ptr_nonnull(
      strstr(said("version", "text"), "import.toml is of version 5, which no containerd reads"));
  ck_assert_ptr_nonnull(
      strstr(said("disabled_plugins", "text"), "import.toml disables io.containerd.grpc.v1.cri"));
  ck_assert_uint_eq(doctor.problems, 2);
}
END_TEST

START_TEST(a_runtimes_path) {
  static const struct {
    const char *name, *status; /* the path's last part; what is said */
  } rows[] = {{"shim", ""}, {"none", "problem"}, {".", "problem"}, {"text", "problem"}};
  write_config("shim", "#!/bin/sh\n");
  write_config("text", "#!/bin/sh\n");
#if defined(__linux__) /* on Windows every file may be run: there the last row is left out */
  char *shim = hp_printf("%s/shim", directory), *plain = hp_printf("%s/text", directory);
  ck_assert_int_eq(chmod(shim, 0755), 0);
  ck_assert_int_eq(chmod(plain, 0644), 0);
  free(shim);
  free(plain);
#endif
  char *path = hp_printf("%s/%s", directory, rows[_i].name);
  char *text = hp_printf("version = 3\n" TABLE_3 TYPE ANNOTATIONS "runtime_path = '%s'\n", path);
  judge(text);
  ck_assert_str_eq(said("runtime_path", "status"), rows[_i].status);
  ck_assert_uint_eq(doctor.problems, *rows[_i].status != 0);
  ck_assert(!*rows[_i].status || strstr(said("runtime_path", "text"), path));
  ck_assert_int_eq(hp_doctor_runs(path), *rows[_i].status == 0);
  free(text);
  free(path);
}
END_TEST

START_TEST(a_runtimes_path_is_absolute) {
  judge("version = 3\n" TABLE_3 TYPE ANNOTATIONS "runtime_path = 'containerd-shim-hostprocess-v1'\n");
  ck_assert_str_eq(said("runtime_path", "status"), "problem");
  judge("version = 3\n" TABLE_3 TYPE ANNOTATIONS "runtime_path = ''\n");
  ck_assert_uint_eq(doctor.problems, 0);
}
END_TEST

START_TEST(an_import_that_cannot_be_read_is_a_problem) {
  static const char *const texts[] = {"version = 3\nimports = ['none.toml']\n" TABLE_3 TYPE ANNOTATIONS,
                                      "version = 3\nimports = ['bad.toml']\n" TABLE_3 TYPE ANNOTATIONS};
  static const char *const parts[] = {"none.toml", "bad.toml: line 1"};
  write_config("bad.toml", "x = [");
  write_config("main.toml", texts[_i]);
  judge_file("main.toml");
  ck_assert_str_eq(said("imports", "status"), "problem");
  ck_assert_msg(strstr(said("imports", "text"), parts[_i]) != NULL, "%s", said("imports", "text"));
  ck_assert_str_eq(said("runtime", "status"), "ok");
}
END_TEST

/* Another way to the same file is no other file. */
START_TEST(imports_in_a_circle) {
  const char *name = strrchr(directory, '/');
  ck_assert_ptr_nonnull(name);
  char *text = hp_printf("version = 3\nimports = ['../%s/./main.toml']\n" TABLE_3 TYPE ANNOTATIONS, name + 1);
  write_config("main.toml", text);
  judge_file("main.toml");
  ck_assert_uint_eq(doctor.problems + doctor.warnings, 0);
  free(text);
}
END_TEST

START_TEST(imports_without_end) {
  char line[] = "imports = ['00.toml']\n", name[] = "00.toml";
  write_config("main.toml", "version = 3\nimports = ['00.toml', '/*/x.toml']\n");
  for (int i = 0; i < 80; i++) {
    snprintf(line, sizeof line, "imports = ['%02d.toml']", i + 1);
    snprintf(name, sizeof name, "%02d.toml", i);
    write_config(name, line);
  }
  judge_file("main.toml");
  ck_assert_uint_eq(doctor.warnings, 2);
  ck_assert_ptr_nonnull(strstr(said("imports", "text"), "/*/x.toml: a directory with a star"));
  ck_assert_str_eq(said("runtime", "status"), "problem");
}
END_TEST

START_TEST(malformed_ones) {
  static const char *const texts[] = {"version == 3", "version = 3\nplugins = 1\n",
                                      "version = 3\n[plugins]\nx = [",
                                      "version = 3\nplugins.'io.containerd.cri.v1.runtime' = 'x'\n"};
  judge(texts[_i]);
  ck_assert_uint_eq(doctor.problems, 1);
  ck_assert_str_eq(said("runtime", "status"), "problem");
}
END_TEST

START_TEST(files) {
  hp_doctor_config(&doctor, "/no/such/config.toml");
  ck_assert_str_eq(said("runtime", "status"), "problem");
  ck_assert_ptr_nonnull(strstr(said("runtime", "text"), "/no/such/config.toml"));
}
END_TEST

int main(void) {
  Suite *suite = suite_create("cli/doctor_config");
  TCase *config = tcase_create("config");
  tcase_add_checked_fixture(config, set_up, tear_down);
  tcase_add_loop_test(config, the_runtime_is_there, 0, 4);
  tcase_add_test(config, the_lines_to_add_are_those_of_the_version);
  tcase_add_test(config, the_lines_to_add_mend_it);
  tcase_add_test(config, other_versions);
  tcase_add_loop_test(config, plugins_that_are_disabled, 0, 8);
  tcase_add_loop_test(config, annotations_that_pass, 0, (int)(sizeof passing / sizeof passing[0]));
  tcase_add_test(config, annotations_that_do_not_pass);
  tcase_add_test(config, a_runtime_of_another_name_or_type);
  tcase_add_test(config, its_policy_is_looked_at);
  tcase_add_loop_test(config, malformed_ones, 0, 4);
  tcase_add_test(config, files);
  suite_add_tcase(suite, config);
  TCase *imports = tcase_create("imports");
  tcase_add_checked_fixture(imports, set_up_files, tear_down_files);
  tcase_add_test(imports, imports_are_followed);
  tcase_add_loop_test(imports, an_import_that_cannot_be_read_is_a_problem, 0, 2);
  tcase_add_loop_test(imports, who_has_the_runtime, 0, (int)(sizeof merged / sizeof merged[0]));
  tcase_add_test(imports, the_file_that_takes_the_table_away_is_named);
  tcase_add_test(imports, an_import_is_of_a_version_too);
  tcase_add_test(imports, imports_in_a_circle);
  tcase_add_test(imports, imports_without_end);
  suite_add_tcase(suite, imports);
  TCase *paths = tcase_create("paths");
  tcase_add_checked_fixture(paths, set_up_files, tear_down_files);
#if defined(__linux__)
  tcase_add_loop_test(paths, a_runtimes_path, 0, 4);
#else
  tcase_add_loop_test(paths, a_runtimes_path, 0, 3);
#endif
  tcase_add_test(paths, a_runtimes_path_is_absolute);
  suite_add_tcase(suite, paths);
  return hp_run_suite(suite);
}
