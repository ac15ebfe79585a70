#include "spec/spec.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

/* What `ctr run` and containerd's CRI plugin write on Linux, shortened. */
static const char linux_config[] =
    "{\"ociVersion\":\"1.2.0\",\"process\":{\"terminal\":true,\"consoleSize\":{\"height\":24,\"width\":80},"
    "\"user\":{\"uid\":7,\"gid\":8,\"additionalGids\":[9,10]},\"args\":[\"sh\",\"-c\",\"echo \\u00e9\"],"
    "\"env\":[\"PATH=/bin\",\"A=b=c\"],\"cwd\":\"/\",\"capabilities\":{\"bounding\":[\"CAP_CHOWN\"]},"
    "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":18446744073709551615,\"soft\":1024}],"
    "\"noNewPrivileges\":true,\"oomScoreAdj\":-997,\"apparmorProfile\":\"\"},"
    "\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"hostname\":\"h\",\"mounts\":["
    "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\"]},"
    "{\"destination\":\"/data\",\"source\":\"/srv\",\"options\":[\"rbind\",\"rw\",\"ro\"]}],"
    "\"annotations\":{\"io.kubernetes.cri.container-type\":\"container\","
    "\"io.kubernetes.cri.sandbox-id\":\"s1\",\"microsoft.com/hostprocess-container\":\"T\","
    "\"microsoft.com/hostprocess-inherit-user\":\"0\",\"microsoft.com/"
    "hostprocess-mount-behavior\":\"symlink\","
    "\"microsoft.com/hostprocess-rootfs-location\":\"/opt/hpc\"},"
    "\"linux\":{\"cgroupsPath\":\"/k8s/c1\",\"uidMappings\":[],\"namespaces\":[{\"type\":\"pid\"},"
    "{\"type\":\"network\",\"path\":\"/run/netns/x\"},{\"type\":\"mount\",\"path\":\"\"}],"
    "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\"},\"maskedPaths\":[\"/proc/"
    "acpi\"],\"readonlyPaths\":null,"
    "\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}],\"memory\":{\"limit\":1048576},"
    "\"unified\":{\"memory.high\":\"1\"}}},\"a later field\":{\"x\":[1.5e3]}}";

static const char windows_config[] =
    "{\"process\":{\"user\":{\"username\":\"NT AUTHORITY\\\\SYSTEM\"},\"commandLine\":\"cmd /c ver\","
    "\"cwd\":\"C:\\\\\"},"
    "\"annotations\":{\"microsoft.com/hostprocess-container\":\"true\","
    "\"io.microsoft.container.memory.sizeinmb\":\"2\"},"
    "\"windows\":{\"layerFolders\":[\"C:\\\\l1\",\"C:\\\\l2\"],\"network\":{\"networkNamespace\":\"\","
    "\"endpointList\":[]},\"devices\":[{\"id\":\"x\",\"idType\":\"class\"}],"
    "\"resources\":{\"memory\":{\"limit\":4096},\"cpu\":{\"shares\":500,\"affinity\":[{\"mask\":1}]}}}}";

static int parse(const char *text, struct hp_container_spec *spec, struct hp_error *err) {
  return hp_spec_parse(text, strlen(text), NULL, spec, err);
}

static void is_refused(const char *text, const char *message) {
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(parse(text, &spec, &err) == -1, "accepted: %s", text);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message, message);
  hp_error_clear(&err);
}

START_TEST(test_linux) {
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(parse(linux_config, &spec, &err) == 0, "%s", err.message);
  ck_assert_int_eq(spec.role, HP_ROLE_MEMBER);
  ck_assert_str_eq(spec.sandbox_id, "s1");
  ck_assert_int_eq(spec.hostprocess, HP_TRUE);
  ck_assert_int_eq(spec.inherit_user, HP_FALSE);
  ck_assert_int_eq(spec.mount_behavior, HP_MOUNT_SYMLINK);
  ck_assert_str_eq(spec.rootfs_location, "/opt/hpc");
  ck_assert(spec.has_process);
  ck_assert(spec.process.terminal);
  ck_assert_uint_eq(spec.process.rows, 24);
  ck_assert_uint_eq(spec.process.columns, 80);
  ck_assert_uint_eq(spec.process.uid, 7);
  ck_assert_uint_eq(spec.process.gid, 8);
  ck_assert_uint_eq(spec.process.additional_gid_count, 2);
  ck_assert_uint_eq(spec.process.additional_gids[1], 10);
  ck_assert_ptr_null(spec.process.username);
  ck_assert_uint_eq(spec.process.args.count, 3);
  ck_assert_str_eq(spec.process.args.items[2], "echo \xc3\xa9");
  ck_assert_ptr_null(spec.process.args.items[3]);
  ck_assert_str_eq(spec.process.env.items[1], "A=b=c");
  ck_assert_str_eq(spec.process.cwd, "/");
  ck_assert_uint_eq(spec.process.rlimit_count, 1);
  ck_assert(spec.process.rlimits[0].hard == UINT64_MAX);
  ck_assert(spec.process.rlimits[0].soft == 1024);
  ck_assert(spec.process.no_new_privileges);
  ck_assert(spec.process.oom_score_adj.set);
  ck_assert_int_eq(spec.process.oom_score_adj.value, -997);
  ck_assert_str_eq(spec.root_path, "rootfs");
  ck_assert(spec.root_read_only);
  ck_assert_uint_eq(spec.mount_count, 2);
  ck_assert(!spec.mounts[0].read_only);
  ck_assert_ptr_null(spec.mounts[1].type);
  ck_assert(spec.mounts[1].read_only);
  ck_assert_str_eq(spec.cgroups_path, "/k8s/c1");
  ck_assert_uint_eq(spec.namespace_count, 3);
  ck_assert_str_eq(spec.namespaces[1].path, "/run/netns/x");
  ck_assert_ptr_null(spec.namespaces[2].path);
  ck_assert(!spec.uid_mappings);
  ck_assert(!spec.has_windows);
  ck_assert_int_eq(spec.limits.memory.value, 1048576);
  ck_assert(hp_strings_has(&spec.ignored, "process.capabilities"));
  ck_assert(hp_strings_has(&spec.ignored, "hostname"));
  ck_assert(hp_strings_has(&spec.ignored, "linux.seccomp"));
  ck_assert(hp_strings_has(&spec.ignored, "linux.maskedPaths"));
  ck_assert(hp_strings_has(&spec.ignored, "linux.resources.unified"));
  ck_assert_uint_eq(spec.ignored.count, 5); /* nothing for what is empty or null */
  hp_spec_clear(&spec);
}
END_TEST

START_TEST(test_windows) {
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(parse(windows_config, &spec, &err) == 0, "%s", err.message);
  ck_assert_int_eq(spec.role, HP_ROLE_SINGLE);
  ck_assert_str_eq(spec.process.username, "NT AUTHORITY\\SYSTEM");
  ck_assert_str_eq(spec.process.command_line, "cmd /c ver");
  ck_assert(spec.has_windows);
  ck_assert(!spec.hyperv);
  ck_assert(!spec.credential_spec);
  ck_assert(!spec.has_network_namespace);
  ck_assert(!spec.has_endpoints);
  ck_assert_uint_eq(spec.layer_folders.count, 2);
  ck_assert_int_eq(spec.limits.memory.value, 2 << 20); /* the annotation wins */
  ck_assert_int_eq(spec.limits.cpu_shares.value, 500);
  ck_assert(hp_strings_has(&spec.ignored, "windows.devices"));
  ck_assert_uint_eq(spec.limits.affinities.count, 1);
  ck_assert_uint_eq(spec.limits.affinities.items[0].mask, 1);
  hp_spec_clear(&spec);
}
END_TEST

START_TEST(test_windows_isolation) {
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse("{\"windows\":{\"hyperv\":{},\"credentialSpec\":\"{}\",\"network\":"
                         "{\"networkNamespace\":\"n\",\"endpointList\":[\"e\"]}}}",
                         &spec, &err),
                   0);
  ck_assert(spec.hyperv);
  ck_assert(spec.credential_spec);
  ck_assert(spec.has_network_namespace);
  ck_assert(spec.has_endpoints);
  hp_spec_clear(&spec);
  ck_assert_int_eq(parse("{\"windows\":{\"hyperv\":null,\"credentialSpec\":\"\"}}", &spec, &err), 0);
  ck_assert(!spec.hyperv);
  ck_assert(!spec.credential_spec);
  hp_spec_clear(&spec);
}
END_TEST

START_TEST(test_minimal) {
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse("{}", &spec, &err), 0);
  ck_assert_int_eq(spec.role, HP_ROLE_SINGLE);
  ck_assert_int_eq(spec.hostprocess, HP_UNSET);
  ck_assert(!spec.has_process);
  hp_spec_clear(&spec);
}
END_TEST

START_TEST(test_sandbox_role) {
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse("{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\","
                         "\"io.kubernetes.cri.sandbox-id\":\"s1\"}}",
                         &spec, &err),
                   0);
  ck_assert_int_eq(spec.role, HP_ROLE_SANDBOX);
  ck_assert_ptr_null(spec.sandbox_id);
  hp_spec_clear(&spec);
}
END_TEST

static const struct {
  const char *text;
  enum hp_tristate value;
} spellings[] = {
    {"1", HP_TRUE},    {"t", HP_TRUE},      {"T", HP_TRUE},      {"true", HP_TRUE},
    {"TRUE", HP_TRUE}, {"True", HP_TRUE},   {"0", HP_FALSE},     {"f", HP_FALSE},
    {"F", HP_FALSE},   {"false", HP_FALSE}, {"FALSE", HP_FALSE}, {"False", HP_FALSE},
};

START_TEST(test_spellings_of_true) {
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  char *text = hp_printf("{\"annotations\":{\"" HP_ANNOTATION_HOSTPROCESS "\":\"%s\"}}", spellings[_i].text);
  ck_assert_int_eq(parse(text, &spec, &err), 0);
  ck_assert_int_eq(spec.hostprocess, spellings[_i].value);
  hp_spec_clear(&spec);
  free(text);
}
END_TEST

#define ANNOTATION(key, value) "{\"annotations\":{\"" key "\":" value "}}"

static const struct {
  const char *text, *message;
} refusals[] = {
    {"[]", "config.json: the document is an array: it must be an object"},
    {"null", "config.json: the document is null: it must be an object"},
    {"{\"process\":[]}", "config.json: process is an array: it must be an object"},
    {"{\"process\":{\"args\":\"sh\"}}", "config.json: process.args is \"sh\": it must be an array"},
    {"{\"process\":{\"args\":[\"a\",\"b\",7]}}", "config.json: process.args[2] is 7: it must be a string"},
    {"{\"process\":{\"args\":[null]}}", "config.json: process.args[0] is null: it must be a string"},
    {"{\"process\":{\"terminal\":1}}", "config.json: process.terminal is 1: it must be true or false"},
    {"{\"process\":{\"user\":{\"uid\":-1}}}",
     "config.json: process.user.uid is -1: it must be an integer from 0 to 4294967294"},
    {"{\"process\":{\"user\":{\"uid\":4294967295}}}",
     "config.json: process.user.uid is 4294967295: it must be an integer from 0 to 4294967294"},
    {"{\"process\":{\"user\":{\"uid\":1e3}}}",
     "config.json: process.user.uid is 1000: it must be an integer from 0 to 4294967294"},
    {"{\"process\":{\"user\":{\"uid\":18446744073709551615}}}",
     "config.json: process.user.uid is 18446744073709551615: it must be an integer from 0 to 4294967294"},
    {"{\"process\":{\"user\":{\"additionalGids\":[1,\"x\"]}}}",
     "config.json: process.user.additionalGids[1] is \"x\": it must be an integer from 0 to 4294967294"},
    {"{\"process\":{\"env\":[\"A=1\",\"B\"]}}",
     "config.json: process.env[1] is \"B\": it must be NAME=value"},
    {"{\"process\":{\"env\":[\"=1\"]}}", "config.json: process.env[0] is \"=1\": it must be NAME=value"},
    {"{\"process\":{\"cwd\":{}}}", "config.json: process.cwd is an object: it must be a string"},
    {"{\"process\":{\"oomScoreAdj\":1001}}",
     "config.json: process.oomScoreAdj is 1001: it must be an integer from -1000 to 1000"},
    {"{\"process\":{\"consoleSize\":{\"height\":65536}}}",
     "config.json: process.consoleSize.height is 65536: it must be an integer from 0 to 65535"},
    {"{\"process\":{\"rlimits\":[{\"type\":\"NOFILE\"}]}}",
     "config.json: process.rlimits[0].type is \"NOFILE\": it must be the name of a resource limit such as "
     "RLIMIT_NOFILE"},
    {"{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":2,\"hard\":1}]}}",
     "config.json: process.rlimits[0].soft is 2: it must be at most the hard limit beside it"},
    {"{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_CPU\"},{\"type\":\"RLIMIT_CPU\"}]}}",
     "config.json: process.rlimits[1].type is \"RLIMIT_CPU\": it must be given once: another entry has the "
     "same "
     "type"},
    {"{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"hard\":-1}]}}",
     "config.json: process.rlimits[0].hard is -1: it must be an integer from 0 to 18446744073709551615"},
    {"{\"root\":{\"readonly\":\"yes\"}}", "config.json: root.readonly is \"yes\": it must be true or false"},
    {"{\"mounts\":[{},3]}", "config.json: mounts[1] is 3: it must be an object"},
    {"{\"mounts\":[{\"options\":[true]}]}", "config.json: mounts[0].options[0] is true: it must be a string"},
    {"{\"linux\":{\"namespaces\":[{}]}}",
     "config.json: linux.namespaces[0].type is null: it must be a string"},
    {"{\"linux\":{\"namespaces\":[null]}}", "config.json: linux.namespaces[0] is null: it must be an object"},
    {"{\"linux\":{\"cgroupsPath\":false}}", "config.json: linux.cgroupsPath is false: it must be a string"},
    {"{\"linux\":{\"resources\":{\"memory\":{\"limit\":1.5}}}}",
     "config.json: linux.resources.memory.limit is 1.5: it must be an integer of at least -1"},
    {"{\"windows\":{\"hyperv\":true}}", "config.json: windows.hyperv is true: it must be an object"},
    {"{\"windows\":{\"network\":{\"endpointList\":[1]}}}",
     "config.json: windows.network.endpointList[0] is 1: it must be a string"},
    {"{\"annotations\":[]}", "config.json: annotations is an array: it must be an object"},
    {ANNOTATION("a.b/c", "true"), "config.json: annotations[\"a.b/c\"] is true: it must be a string"},
    {ANNOTATION(HP_ANNOTATION_HOSTPROCESS, "\"yes\""),
     "config.json: annotations[\"microsoft.com/hostprocess-container\"] is \"yes\": it must be \"true\" or "
     "\"false\""},
    {ANNOTATION(HP_ANNOTATION_INHERIT_USER, "\"\""),
     "config.json: annotations[\"microsoft.com/hostprocess-inherit-user\"] is \"\": it must be \"true\" or "
     "\"false\""},
    {ANNOTATION(HP_ANNOTATION_MOUNT_BEHAVIOR, "\"Bind\""),
     "config.json: annotations[\"microsoft.com/hostprocess-mount-behavior\"] is \"Bind\": it must be "
     "\"bind\" or "
     "\"symlink\""},
    {ANNOTATION(HP_ANNOTATION_CONTAINER_TYPE, "\"pod\""),
     "config.json: annotations[\"io.kubernetes.cri.container-type\"] is \"pod\": it must be \"sandbox\" or "
     "\"container\""},
    {ANNOTATION(HP_ANNOTATION_CONTAINER_TYPE, "\"container\""),
     "config.json: annotations[\"io.kubernetes.cri.sandbox-id\"] is null: it must be the id of the sandbox "
     "that "
     "this container belongs to"},
    {ANNOTATION(HP_ANNOTATION_CONTAINER_TYPE, "\"container\",\"" HP_ANNOTATION_SANDBOX_ID "\":\"../x\""),
     "config.json: annotation io.kubernetes.cri.sandbox-id \"../x\" is not valid: use letters and digits, "
     "with "
     "single . _ or - between them"},
};

START_TEST(test_refusals) {
  is_refused(refusals[_i].text, refusals[_i].message);
}
END_TEST

static const char *const broken[] = {
    "",
    " ",
    "{",
    "{]",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"\\u0061\":2}",
    "{} x",
    "{'a':1}",
    "{\"a\":\"\\u0000\"}",
    "{\"a\":\"\xff\"}",
    "{\"a\":18446744073709551616}",
    "{\"a\":-18446744073709551615}",
    "{\"a\":9223372036854775808}",
    "{\"a\":1e999}",
    "{\"\\",
    "\"",
    "{\"a\":018446744073709551615}",
};

START_TEST(test_broken_json) {
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse(broken[_i], &spec, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_msg(strncmp(err.message, "config.json is not valid JSON: line 1 column ", 45) == 0, "%s",
                err.message);
  hp_error_clear(&err);
}
END_TEST

/* Every prefix is an error; the whole is not, and white space may follow. */
START_TEST(test_truncated) {
  const char *const configs[] = {linux_config, windows_config};
  for (size_t c = 0; c < 2; c++) {
    size_t whole = strlen(configs[c]);
    for (size_t length = 0; length < whole; length++) {
      char *exact = hp_alloc(length); /* on the heap, for the sanitizer to see its end */
      memcpy(exact, configs[c], length);
      struct hp_container_spec spec;
      struct hp_error err = HP_ERROR_INIT;
      ck_assert_int_eq(hp_spec_parse(exact, length, NULL, &spec, &err), -1);
      ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
      hp_error_clear(&err);
      free(exact);
    }
    char *padded = hp_printf("%s \n\t", configs[c]);
    struct hp_container_spec spec;
    struct hp_error err = HP_ERROR_INIT;
    ck_assert_int_eq(parse(padded, &spec, &err), 0);
    hp_spec_clear(&spec);
    free(padded);
  }
}
END_TEST

static char *nested(size_t levels) {
  char *text = hp_alloc(2 * levels + 16);
  char *out = text + sprintf(text, "{\"a\":");
  memset(out, '[', levels - 1);
  memset(out + levels - 1, ']', levels - 1);
  strcpy(out + 2 * (levels - 1), "}");
  return text;
}

START_TEST(test_depth) {
  char *deep = nested(64), *deeper = nested(65), *deepest = nested(1000000);
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse(deep, &spec, &err), 0);
  hp_spec_clear(&spec);
  is_refused(deeper, "config.json is nested 65 levels deep: at most 64 are read");
  is_refused(deepest, "config.json is nested 1000000 levels deep: at most 64 are read");
  is_refused("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"{{{\","
             "\"process\":1}",
             "config.json: process is 1: it must be an object"); /* brackets in a string are text */
  free(deep);
  free(deeper);
  free(deepest);
}
END_TEST

START_TEST(test_number_of_values) {
  size_t count = (1u << 20) + 10;
  char *text = hp_alloc(2 * count + 16), *out = text + sprintf(text, "{\"a\":[0");
  for (size_t i = 0; i < count; i++, out += 2)
    memcpy(out, ",0", 2);
  strcpy(out, "]}");
  is_refused(text, "config.json holds more than 1048576 values: make it smaller");
  free(text);
}
END_TEST

START_TEST(test_size) {
  char *text = hp_alloc(HP_CONFIG_MAX + 2);
  memset(text, ' ', HP_CONFIG_MAX + 1);
  memcpy(text, "{}", 2);
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_spec_parse(text, HP_CONFIG_MAX, NULL, &spec, &err), 0);
  hp_spec_clear(&spec);
  is_refused(text, "config.json has 16777217 bytes: at most 16777216 are read, make it smaller");
  free(text);
}
END_TEST

/* ---- hp_spec_load -------------------------------------------------------------- */

static char *bundle, *config_path;

static void make_bundle(void) {
  bundle = unit_directory("spec");
  config_path = hp_printf("%s/config.json", bundle);
}

static void remove_bundle(void) {
  unit_remove(config_path);
  unit_remove_directory(bundle);
  free(config_path);
  free(bundle);
}

static void load_fails(enum hp_code code, const char *before, const char *after) {
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  char *message = hp_printf("config.json: %s\"%s\"%s", before, config_path, after);
  ck_assert_int_eq(hp_spec_load(bundle, &spec, &err), -1);
  ck_assert_int_eq(err.code, code);
  ck_assert_str_eq(err.message, message);
  hp_error_clear(&err);
  free(message);
}

START_TEST(test_load) {
  unit_write(config_path, linux_config, strlen(linux_config));
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_spec_load(bundle, &spec, &err) == 0, "%s", err.message);
  ck_assert_str_eq(spec.sandbox_id, "s1");
  hp_spec_clear(&spec);
}
END_TEST

START_TEST(test_load_missing) {
  load_fails(HP_NOT_FOUND, "cannot open ", ": no such file or directory");
}
END_TEST

START_TEST(test_load_huge) {
  unit_set_size(config_path, 100 << 20);
  load_fails(HP_INVALID_ARGUMENT, "", " has 104857600 bytes: at most 16777216 are read, make it smaller");
}
END_TEST

START_TEST(test_load_directory) {
  unit_make_directory(config_path);
  load_fails(HP_FAILED_PRECONDITION, "", " is not a regular file");
  unit_remove_directory(config_path);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_oci");
  TCase *parsing = tcase_create("parse"), *hostile = tcase_create("hostile");
  tcase_add_test(parsing, test_linux);
  tcase_add_test(parsing, test_windows);
  tcase_add_test(parsing, test_windows_isolation);
  tcase_add_test(parsing, test_minimal);
  tcase_add_test(parsing, test_sandbox_role);
  tcase_add_loop_test(parsing, test_spellings_of_true, 0, (int)(sizeof spellings / sizeof spellings[0]));
  tcase_add_loop_test(parsing, test_refusals, 0, (int)(sizeof refusals / sizeof refusals[0]));
  tcase_add_loop_test(hostile, test_broken_json, 0, (int)(sizeof broken / sizeof broken[0]));
  tcase_add_test(hostile, test_truncated);
  tcase_add_test(hostile, test_depth);
  tcase_add_test(hostile, test_number_of_values);
  tcase_add_test(hostile, test_size);
  tcase_set_timeout(hostile, 60);
  suite_add_tcase(suite, parsing);
  suite_add_tcase(suite, hostile);
  TCase *loading = tcase_create("load");
  tcase_add_checked_fixture(loading, make_bundle, remove_bundle);
  tcase_add_test(loading, test_load);
  tcase_add_test(loading, test_load_missing);
  tcase_add_test(loading, test_load_huge);
  tcase_add_test(loading, test_load_directory);
  suite_add_tcase(suite, loading);
  return hp_run_suite(suite);
}
