#include "spec/cri.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/v1/api.pb-c.h"
#include "spec/cri_read.h"
#include "spec/rules.h"
#include "support.h"

#define TRUE_ANNOTATION "\"annotations\":{\"" HP_ANNOTATION_HOSTPROCESS "\":\"true\"}"
#define LINUX_NETWORK(value)                                                                                 \
  "\"linux\":{\"security_context\":{\"namespace_options\":{\"network\":" value "}}}"
#define WINDOWS(members) "\"windows\":{\"security_context\":{" members "}}"

static int parse(const char *members, struct hp_container_spec *spec, struct hp_error *err) {
  char *text = hp_printf("{%s}", members);
  int result = hp_cri_pod_parse(text, strlen(text), NULL, spec, err);
  free(text);
  return result;
}

static struct hp_container_spec parsed(const char *members) {
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(parse(members, &spec, &err) == 0, "%s: %s", members, err.message);
  return spec;
}

/* ---- what is read --------------------------------------------------------------- */

/* As crictl's example file has it for Linux, with what means nothing here. */
START_TEST(test_linux_pod) {
  struct hp_container_spec spec = parsed(
      "\"metadata\":{\"name\":\"web\",\"namespace\":\"default\",\"uid\":\"u1\",\"attempt\":1},"
      "\"hostname\":\"h\",\"log_directory\":\"/tmp\",\"dns_config\":{\"servers\":[\"1.1.1.1\"]},"
      "\"labels\":{\"a\":\"b\"},\"annotations\":{\"" HP_ANNOTATION_HOSTPROCESS "\":\"True\","
      "\"" HP_ANNOTATION_INHERIT_USER "\":\"true\",\"" HP_ANNOTATION_MOUNT_BEHAVIOR "\":\"symlink\","
      "\"" HP_ANNOTATION_ROOTFS_LOCATION "\":\"/opt/hpc\"},"
      "\"linux\":{\"cgroup_parent\":\"/k\",\"security_context\":{\"namespace_options\":"
      "{\"network\":2,\"pid\":1,\"userns_options\":{\"mode\":\"NODE\"}},\"run_as_user\":{\"value\":1}}}");
  ck_assert_int_eq(spec.role, HP_ROLE_SANDBOX);
  ck_assert_int_eq(spec.hostprocess, HP_TRUE);
  ck_assert_int_eq(spec.inherit_user, HP_TRUE);
  ck_assert_int_eq(spec.mount_behavior, HP_MOUNT_SYMLINK);
  ck_assert_str_eq(spec.rootfs_location, "/opt/hpc");
  ck_assert_str_eq(spec.cgroup_parent, "/k");
  ck_assert_ptr_null(spec.own_network);
  ck_assert_ptr_null(spec.own_users);
  ck_assert_ptr_null(spec.process.username);
  ck_assert(!spec.has_windows);
  hp_spec_clear(&spec);
}
END_TEST

START_TEST(test_windows_pod) {
  struct hp_container_spec spec = parsed(WINDOWS("\"host_process\":true,\"credential_spec\":\"{}\","
                                                 "\"run_as_username\":\"NT AUTHORITY\\\\Local service\","
                                                 "\"namespace_options\":{\"network\":\"NODE\"}"));
  ck_assert_int_eq(spec.role, HP_ROLE_SANDBOX);
  ck_assert_int_eq(spec.hostprocess, HP_TRUE);
  ck_assert_str_eq(spec.process.username, "NT AUTHORITY\\Local service");
  ck_assert(spec.credential_spec);
  ck_assert(spec.has_windows);
  ck_assert_ptr_null(spec.own_network);
  hp_spec_clear(&spec);
}
END_TEST

/* The author of a pod writes its annotations, not its host_process. */
static const struct {
  const char *config;
  enum hp_tristate expected;
} kinds[] = {
    {"", HP_UNSET},
    {"\"linux\":{}", HP_UNSET},
    {"\"windows\":{}", HP_UNSET},
    {TRUE_ANNOTATION, HP_TRUE},
    {TRUE_ANNOTATION ",\"windows\":{}", HP_TRUE},
    {WINDOWS(""), HP_FALSE},
    {WINDOWS("\"host_process\":false"), HP_FALSE},
    {WINDOWS("\"host_process\":true"), HP_TRUE},
    {TRUE_ANNOTATION "," WINDOWS("\"host_process\":false"), HP_FALSE},
    {TRUE_ANNOTATION "," WINDOWS("\"run_as_username\":\"x\""), HP_FALSE},
    {"\"annotations\":{\"" HP_ANNOTATION_HOSTPROCESS "\":\"0\"}," WINDOWS("\"host_process\":true"), HP_FALSE},
};

START_TEST(test_kind) {
  struct hp_container_spec spec = parsed(kinds[_i].config);
  ck_assert_msg(spec.hostprocess == kinds[_i].expected, "%s gives %d", kinds[_i].config, spec.hostprocess);
  hp_spec_clear(&spec);
}
END_TEST

/* kubelet on Windows writes both sections. */
START_TEST(test_both_sections_speak_to_this_system) {
  struct hp_container_spec spec = parsed(LINUX_NETWORK("0") "," WINDOWS("\"host_process\":true"));
  bool windows = hp_os_here() == HP_OS_WINDOWS;
  ck_assert_int_eq(spec.hostprocess, windows ? HP_TRUE : HP_UNSET);
  ck_assert(windows == !spec.own_network);
  hp_spec_clear(&spec);
}
END_TEST

START_TEST(test_role_is_the_sandbox_whatever_an_annotation_says) {
  struct hp_container_spec spec =
      parsed("\"annotations\":{\"" HP_ANNOTATION_CONTAINER_TYPE "\":\"container\","
             "\"" HP_ANNOTATION_SANDBOX_ID "\":\"other\"}");
  ck_assert_int_eq(spec.role, HP_ROLE_SANDBOX);
  ck_assert_ptr_null(spec.sandbox_id);
  hp_spec_clear(&spec);
}
END_TEST

/* ---- what is refused ---------------------------------------------------------------- */

#define TRUE_OR_FALSE "it must be true or false"
#define MODE "it must be 0 (POD), 1 (CONTAINER), 2 (NODE) or 3 (TARGET)"
static const struct {
  const char *config, *message;
} malformed[] = {
    {"\"annotations\":7", "PodSandboxConfig: annotations is 7: it must be an object"},
    {"\"annotations\":{\"a\":7}", "PodSandboxConfig: annotations.a is 7: it must be a string"},
    {"\"annotations\":{\"" HP_ANNOTATION_HOSTPROCESS "\":\"yes\"}",
     "PodSandboxConfig: annotations[\"" HP_ANNOTATION_HOSTPROCESS
     "\"] is \"yes\": it must be \"true\" or \"false\""},
    {"\"windows\":[]", "PodSandboxConfig: windows is an array: it must be an object"},
    {"\"windows\":{\"security_context\":\"x\"}",
     "PodSandboxConfig: windows.security_context is \"x\": it must be an object"},
    {WINDOWS("\"host_process\":\"true\""),
     "PodSandboxConfig: windows.security_context.host_process is \"true\": " TRUE_OR_FALSE},
    {WINDOWS("\"run_as_username\":{}"),
     "PodSandboxConfig: windows.security_context.run_as_username is an object: it must be a string"},
    {WINDOWS("\"credential_spec\":1"),
     "PodSandboxConfig: windows.security_context.credential_spec is 1: it must be a string"},
    {WINDOWS("\"namespace_options\":true"),
     "PodSandboxConfig: windows.security_context.namespace_options is true: it must be an object"},
    {WINDOWS("\"namespace_options\":{\"network\":\"HOST\"}"),
     "PodSandboxConfig: windows.security_context.namespace_options.network is \"HOST\": " MODE},
    {LINUX_NETWORK("4"), "PodSandboxConfig: linux.security_context.namespace_options.network is 4: " MODE},
    {LINUX_NETWORK("1.0"), "PodSandboxConfig: linux.security_context.namespace_options.network is 1: " MODE},
    {"\"linux\":{\"security_context\":{\"namespace_options\":{\"network\":2,\"userns_options\":0}}}",
     "PodSandboxConfig: linux.security_context.namespace_options.userns_options is 0: it must be an object"},
    {"\"linux\":{\"cgroup_parent\":1}", "PodSandboxConfig: linux.cgroup_parent is 1: it must be a string"},
    {"\"linux\":", "PodSandboxConfig is not valid JSON: line 1 column 10: unexpected token near '}'"},
};

START_TEST(test_malformed) {
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse(malformed[_i].config, &spec, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  const char *found = strstr(err.message, malformed[_i].message);
  ck_assert_msg(found && found[strlen(malformed[_i].message)] == 0, "%s", err.message);
  ck_assert_ptr_null(spec.process.username);
  hp_error_clear(&err);
}
END_TEST

/* protobuf's own JSON, as grpcurl and others print it. */
START_TEST(test_both_spellings) {
  struct hp_container_spec spec =
      parsed("\"windows\":{\"securityContext\":{\"hostProcess\":true,\"runAsUsername\":\"SYSTEM\","
             "\"namespaceOptions\":{\"network\":\"POD\"}}},\"annotations\":{\"aB\":\"x\",\"a_b\":\"y\"}");
  ck_assert_int_eq(spec.hostprocess, HP_TRUE);
  ck_assert_str_eq(spec.process.username, "SYSTEM");
  ck_assert_str_eq(spec.own_network, "windows.security_context.namespace_options.network is POD");
  hp_spec_clear(&spec);
}
END_TEST

START_TEST(test_a_field_in_both_spellings) {
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse(WINDOWS("\"host_process\":true,\"hostProcess\":true"), &spec, &err), -1);
  ck_assert_str_eq(err.message,
                   "PodSandboxConfig: windows.security_context.host_process is there twice, also as "
                   "hostProcess: leave one of them out");
  hp_error_clear(&err);
}
END_TEST

START_TEST(test_numbers_in_strings) {
  static const char text[] =
      "{\"command\":[\"a\"],\"envs\":[{\"key\":\"1\",\"value\":\"2\"}],"
      "\"mounts\":[{\"containerPath\":\"/a\",\"hostPath\":\"/b\",\"readonly\":true}],"
      "\"linux\":{\"resources\":{\"memoryLimitInBytes\":\"1048576\",\"cpuShares\":\"2\"},"
      "\"securityContext\":{\"runAsUser\":{\"value\":\"7\"},\"supplementalGroups\":[\"1\",2]}}}";
  static const char bad[] = "{\"linux\":{\"resources\":{\"cpuShares\":\"2x\"}}}";
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_cri_container_parse(text, strlen(text), NULL, &spec, &err) == 0, "%s", err.message);
  ck_assert_int_eq(spec.limits.memory.value, 1048576);
  ck_assert_int_eq(spec.limits.cpu_shares.value, 2);
  ck_assert_uint_eq(spec.process.uid, 7);
  ck_assert_str_eq(spec.process.env.items[0], "1=2");
  ck_assert_uint_eq(spec.mount_count, 1);
  ck_assert_str_eq(spec.mounts[0].source, "/b");
  hp_spec_clear(&spec);
  ck_assert_int_eq(hp_cri_container_parse(bad, strlen(bad), NULL, &spec, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "linux.resources.cpu_shares is \"2x\""));
  hp_error_clear(&err);
}
END_TEST

#define HOSTS_NETWORK ": a HostProcess container uses the host's network, set hostNetwork: true in the pod"
#define OPTIONS "security_context.namespace_options."
static const struct {
  const char *config, *message; /* NULL: accepted */
} pods[] = {
    {TRUE_ANNOTATION, NULL},
    {TRUE_ANNOTATION "," LINUX_NETWORK("2"), NULL},
    {TRUE_ANNOTATION "," LINUX_NETWORK("\"NODE\""), NULL},
    {TRUE_ANNOTATION "," LINUX_NETWORK("0"), "linux." OPTIONS "network is POD" HOSTS_NETWORK},
    {TRUE_ANNOTATION "," LINUX_NETWORK("\"CONTAINER\""),
     "linux." OPTIONS "network is CONTAINER" HOSTS_NETWORK},
    {TRUE_ANNOTATION ",\"linux\":{\"security_context\":{\"namespace_options\":{}}}",
     "linux." OPTIONS "network is POD" HOSTS_NETWORK},
    {TRUE_ANNOTATION ",\"linux\":{\"security_context\":{\"namespace_options\":"
                     "{\"network\":2,\"userns_options\":{}}}}",
     "linux." OPTIONS "userns_options.mode is POD: a HostProcess container has the host's users, set "
     "hostUsers to true or leave it out"},
    {WINDOWS("\"host_process\":true"), NULL},
    {WINDOWS("\"host_process\":true,\"credential_spec\":\"{}\""), NULL}, /* a container's, if at all */
    {WINDOWS("\"host_process\":true,\"namespace_options\":{\"network\":0}"),
     "windows." OPTIONS "network is POD" HOSTS_NETWORK},
    {WINDOWS("\"run_as_username\":\"x\""),
     "windows.security_context.host_process is not true: this shim runs HostProcess containers only, set it "
     "to true or choose another runtime class"},
};

START_TEST(test_rules) {
  struct hp_container_spec spec = parsed(pods[_i].config);
  struct hp_policy policy;
  struct hp_verdict verdict;
  struct hp_error err = HP_ERROR_INIT;
  hp_policy_init(&policy);
  int result = hp_rules_judge(hp_os_here(), &policy, NULL, &spec, &verdict, &err);
  if (pods[_i].message) {
    ck_assert_int_eq(result, -1);
    ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
    ck_assert_str_eq(err.message, pods[_i].message);
  } else {
    ck_assert_msg(result == 0, "%s: %s", pods[_i].config, err.message);
  }
  hp_error_clear(&err);
  hp_verdict_clear(&verdict);
  hp_policy_clear(&policy);
  hp_spec_clear(&spec);
}
END_TEST

/* As linux.namespaces is ignored there. */
START_TEST(test_network_where_hostprocess_is_assumed) {
  struct hp_container_spec spec = parsed(LINUX_NETWORK("0"));
  struct hp_policy policy;
  struct hp_verdict verdict;
  struct hp_error err = HP_ERROR_INIT;
  hp_policy_init(&policy);
  policy.assume = true;
  ck_assert_int_eq(hp_rules_judge(hp_os_here(), &policy, NULL, &spec, &verdict, &err), 0);
  ck_assert_uint_eq(verdict.warnings.count, 1);
  ck_assert_str_eq(verdict.warnings.items[0], "ignored, for the node policy assumes hostProcess: "
                                              "linux.security_context.namespace_options.network is POD");
  hp_verdict_clear(&verdict);
  hp_policy_clear(&policy);
  hp_spec_clear(&spec);
}
END_TEST

/* ---- protobuf -------------------------------------------------------------------------- */

static json_t *tree_of(const ProtobufCMessage *message, struct hp_error *err) {
  size_t length = protobuf_c_message_get_packed_size(message);
  uint8_t *data = hp_alloc(length);
  protobuf_c_message_pack(message, data);
  json_t *tree = hp_cri_tree(message->descriptor, data, length, err);
  free(data);
  return tree;
}

static void assert_tree(const ProtobufCMessage *message, const char *expected) {
  struct hp_error err = HP_ERROR_INIT;
  json_t *tree = tree_of(message, &err);
  ck_assert_msg(tree, "%s", err.message);
  char *text = json_dumps(tree, JSON_COMPACT | JSON_SORT_KEYS);
  ck_assert_str_eq(text, expected);
  free(text);
  json_decref(tree);
}

/* Every kind of field: string, bool, enum, number, message, list, map. */
START_TEST(test_tree_has_the_fields_of_a_file) {
  Runtime__V1__ContainerConfig config = RUNTIME__V1__CONTAINER_CONFIG__INIT;
  assert_tree(&config.base, "{}");

  char *args[] = {"-c", ""};
  config.args = args;
  config.n_args = 2;
  config.tty = 1;
  Runtime__V1__ContainerConfig__AnnotationsEntry entries[3] = {
      RUNTIME__V1__CONTAINER_CONFIG__ANNOTATIONS_ENTRY__INIT,
      RUNTIME__V1__CONTAINER_CONFIG__ANNOTATIONS_ENTRY__INIT,
      RUNTIME__V1__CONTAINER_CONFIG__ANNOTATIONS_ENTRY__INIT};
  Runtime__V1__ContainerConfig__AnnotationsEntry *annotations[] = {&entries[0], &entries[1], &entries[2]};
  entries[0].key = "a";
  entries[0].value = "first";
  entries[1].key = "b";
  entries[2].key = "a";
  entries[2].value = "last";
  config.annotations = annotations;
  config.n_annotations = 3;
  Runtime__V1__KeyValue env = RUNTIME__V1__KEY_VALUE__INIT, *envs[] = {&env};
  env.key = "K";
  config.envs = envs;
  config.n_envs = 1;
  Runtime__V1__LinuxContainerConfig linux_config = RUNTIME__V1__LINUX_CONTAINER_CONFIG__INIT;
  Runtime__V1__LinuxContainerSecurityContext security = RUNTIME__V1__LINUX_CONTAINER_SECURITY_CONTEXT__INIT;
  Runtime__V1__NamespaceOption options = RUNTIME__V1__NAMESPACE_OPTION__INIT;
  Runtime__V1__Int64Value user = RUNTIME__V1__INT64_VALUE__INIT;
  int64_t groups[] = {-1, 0, 5000000000};
  options.network = RUNTIME__V1__NAMESPACE_MODE__NODE;
  security.namespace_options = &options;
  security.run_as_user = &user;
  security.supplemental_groups = groups;
  security.n_supplemental_groups = 3;
  linux_config.security_context = &security;
  config.linux = &linux_config;
  Runtime__V1__WindowsContainerConfig windows = RUNTIME__V1__WINDOWS_CONTAINER_CONFIG__INIT;
  Runtime__V1__WindowsContainerResources resources = RUNTIME__V1__WINDOWS_CONTAINER_RESOURCES__INIT;
  Runtime__V1__WindowsCpuGroupAffinity affinity = RUNTIME__V1__WINDOWS_CPU_GROUP_AFFINITY__INIT,
                                       *affinities[] = {&affinity};
  affinity.cpu_mask = 5;
  affinity.cpu_group = 4294967295;
  resources.affinity_cpus = affinities;
  resources.n_affinity_cpus = 1;
  windows.resources = &resources;
  config.windows = &windows;
  assert_tree(
      &config.base,
      "{\"annotations\":{\"a\":\"last\",\"b\":\"\"},\"args\":[\"-c\",\"\"],\"envs\":[{\"key\":\"K\"}],"
      "\"linux\":{\"security_context\":{\"namespace_options\":{\"network\":2},\"run_as_user\":{},"
      "\"supplemental_groups\":[-1,0,5000000000]}},\"tty\":true,"
      "\"windows\":{\"resources\":{\"affinity_cpus\":[{\"cpu_group\":4294967295,\"cpu_mask\":5}]}}}");
}
END_TEST

static int unpack(const ProtobufCMessage *message, struct hp_container_spec *spec, struct hp_error *err) {
  size_t length = protobuf_c_message_get_packed_size(message);
  uint8_t *data = hp_alloc(length);
  protobuf_c_message_pack(message, data);
  int result = hp_cri_pod_unpack(data, length, spec, err);
  free(data);
  return result;
}

/* The same rules, the same words. */
START_TEST(test_unpacked_pod) {
  Runtime__V1__PodSandboxConfig config = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
  Runtime__V1__WindowsPodSandboxConfig windows = RUNTIME__V1__WINDOWS_POD_SANDBOX_CONFIG__INIT;
  Runtime__V1__WindowsSandboxSecurityContext security = RUNTIME__V1__WINDOWS_SANDBOX_SECURITY_CONTEXT__INIT;
  Runtime__V1__WindowsNamespaceOption options = RUNTIME__V1__WINDOWS_NAMESPACE_OPTION__INIT;
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  config.windows = &windows;
  windows.security_context = &security;
  security.host_process = 1;
  security.run_as_username = "SYSTEM";
  security.namespace_options = &options;
  ck_assert_int_eq(unpack(&config.base, &spec, &err), 0);
  ck_assert_int_eq(spec.hostprocess, HP_TRUE);
  ck_assert_str_eq(spec.process.username, "SYSTEM");
  ck_assert_str_eq(spec.own_network, "windows.security_context.namespace_options.network is POD");
  hp_spec_clear(&spec);

  options.network = (Runtime__V1__NamespaceMode)77; /* proto3 hands on what it does not know */
  ck_assert_int_eq(unpack(&config.base, &spec, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message,
                   "PodSandboxConfig: windows.security_context.namespace_options.network is 77: " MODE);
  hp_error_clear(&err);

  options.network = RUNTIME__V1__NAMESPACE_MODE__NODE;
  security.run_as_username = "\xff\xfe";
  ck_assert_int_eq(unpack(&config.base, &spec, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message, "runtime.v1.WindowsSandboxSecurityContext.run_as_username "
                                "\"\\xff\\xfe\" is not UTF-8");
  hp_error_clear(&err);
}
END_TEST

START_TEST(test_bytes_that_do_not_decode) {
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_cri_pod_unpack((const uint8_t *)"\x4a\x7f", 2, &spec, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message, "2 bytes do not decode as runtime.v1.PodSandboxConfig: send a "
                                "packed message of that type");
  hp_error_clear(&err);
  ck_assert_int_eq(hp_cri_pod_unpack(NULL, 0, &spec, &err), 0); /* the empty config */
  ck_assert_int_eq(spec.role, HP_ROLE_SANDBOX);
  hp_spec_clear(&spec);

  uint8_t *large = hp_alloc(HP_CRI_MAX + 1);
  ck_assert_int_eq(hp_cri_pod_unpack(large, HP_CRI_MAX + 1, &spec, &err), -1);
  ck_assert_str_eq(err.message, "runtime.v1.PodSandboxConfig has 1048577 bytes: at most "
                                "1048576 are read, make it smaller");
  hp_error_clear(&err);
  free(large);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_cri");
  TCase *tcase = tcase_create("cri");
  tcase_add_test(tcase, test_linux_pod);
  tcase_add_test(tcase, test_windows_pod);
  tcase_add_loop_test(tcase, test_kind, 0, (int)(sizeof kinds / sizeof kinds[0]));
  tcase_add_test(tcase, test_both_sections_speak_to_this_system);
  tcase_add_test(tcase, test_role_is_the_sandbox_whatever_an_annotation_says);
  tcase_add_test(tcase, test_both_spellings);
  tcase_add_test(tcase, test_a_field_in_both_spellings);
  tcase_add_test(tcase, test_numbers_in_strings);
  tcase_add_loop_test(tcase, test_malformed, 0, (int)(sizeof malformed / sizeof malformed[0]));
  tcase_add_loop_test(tcase, test_rules, 0, (int)(sizeof pods / sizeof pods[0]));
  tcase_add_test(tcase, test_network_where_hostprocess_is_assumed);
  tcase_add_test(tcase, test_tree_has_the_fields_of_a_file);
  tcase_add_test(tcase, test_unpacked_pod);
  tcase_add_test(tcase, test_bytes_that_do_not_decode);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
