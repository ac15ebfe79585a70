/* What validate says of a file: verdicts, what comes out, and that Create would
 * say the same. */
#include "cli/validate.h"

#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "support.h"

static json_t *report_of(struct hp_validate *validate, const char *text) {
  json_t *files = json_array();
  json_array_append_new(files, hp_validate_bytes(validate, "f", text, strlen(text)));
  return hp_validate_report(files);
}

static struct hp_validate judge_for(enum hp_os os) {
  struct hp_validate validate = {.has_os = true, .os = os};
  hp_policy_init(&validate.policy);
  return validate;
}

static const json_t *first_pod(const json_t *report) {
  return json_array_get(json_object_get(json_array_get(json_object_get(report, "files"), 0), "pods"), 0);
}

static const json_t *container_of(const json_t *report, size_t i) {
  return json_array_get(json_object_get(first_pod(report), "containers"), i);
}

/* ---- the same as Create ------------------------------------------------------------- */

static const char *const annotations[] = {
    "\"microsoft.com/hostprocess-container\":\"true\"",
    "\"microsoft.com/hostprocess-container\":\"0\"",
    "\"x\":\"y\"",
    "\"microsoft.com/hostprocess-container\":\"true\",\"microsoft.com/hostprocess-inherit-user\":\"true\"",
    "\"microsoft.com/hostprocess-container\":\"true\",\"microsoft.com/hostprocess-rootfs-location\":\"hpc\"",
    "\"microsoft.com/hostprocess-container\":\"true\",\"io.kubernetes.cri.container-type\":\"sandbox\"",
};
static const char *const users[] = {
    "",
    ",\"user\":{\"username\":\"SYSTEM\"}",
    ",\"user\":{\"username\":\"ContainerUser\"}",
    ",\"user\":{\"username\":\"hpc\"}",
    ",\"user\":{\"uid\":1000,\"gid\":5}",
    ",\"user\":{\"username\":\"a\\\\b\\\\c\"}",
};
#define MOUNT_AT(path) "{\"source\":\"/a\",\"destination\":\"" path "\"}"
#define TWO_MOUNTS(a, b) ",\"mounts\":[" MOUNT_AT(a) "," MOUNT_AT(b) "]"
static const char *const mounts[] = {
    "",
    ",\"mounts\":[{\"source\":\"/a\",\"destination\":\"/b\"}]",
    ",\"mounts\":[{\"source\":\"\\\\\\\\.\\\\pipe\\\\x\",\"destination\":\"/b\"}]",
    ",\"mounts\":[{\"source\":\"/a\"},{\"destination\":\"b\"}]",
    TWO_MOUNTS("C:\\\\nul", "/"),
    TWO_MOUNTS("/x", "/X"),
};
static const char *const sections[] = {
    "",
    ",\"windows\":{}",
    ",\"windows\":{\"hyperv\":{}}",
    ",\"windows\":{\"credentialSpec\":{\"a\":1},\"network\":{\"endpointList\":[\"e\"]}}",
    ",\"windows\":{\"resources\":{\"cpu\":{\"count\":1,\"maximum\":5}}}",
    ",\"windows\":{\"resources\":{\"memory\":{\"limit\":5}}}",
    ",\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}",
    ",\"linux\":{\"resources\":{\"cpu\":{\"shares\":1}}}",
};
static const char *const policies[] = {"{}", "{\"accounts\":[\"hpc\",\"1000\"],\"limits\":{\"memory\":5}}",
                                       "{\"hostProcess\":\"assume\",\"inheritUser\":false}"};
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static const char *first_message(const json_t *report) {
  const json_t *refusals = json_object_get(first_pod(report), "refusals");
  if (!refusals)
    refusals = json_object_get(container_of(report, 0), "refusals");
  return json_string_value(json_object_get(json_array_get(refusals, 0), "message"));
}

static void compare(struct hp_validate *validate, const char *text) {
  struct hp_container_spec spec;
  struct hp_verdict verdict;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_spec_parse(text, strlen(text), &validate->os, &spec, &err) == 0, "%s: %s", text,
                err.message);
  int result = hp_rules_judge(validate->os, &validate->policy, NULL, &spec, &verdict, &err);
  json_t *report = report_of(validate, text);
  ck_assert_int_eq(hp_validate_status(report), result == 0 ? HP_VALIDATE_ACCEPTED : HP_VALIDATE_REFUSED);
  if (result == 0)
    hp_verdict_clear(&verdict);
  else
    ck_assert_str_eq(first_message(report), err.message);
  json_decref(report);
  hp_error_clear(&err);
  hp_spec_clear(&spec);
}

/* Every combination, for both systems and three policies. */
START_TEST(test_create_says_the_same) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_validate validate = judge_for(_i % 2 ? HP_OS_WINDOWS : HP_OS_LINUX);
  const char *policy = policies[_i / 2];
  hp_policy_clear(&validate.policy);
  ck_assert_int_eq(hp_policy_parse("/p", policy, strlen(policy), &validate.policy, &err), 0);
  for (size_t a = 0; a < COUNT(annotations); a++)
    for (size_t u = 0; u < COUNT(users); u++)
      for (size_t m = 0; m < COUNT(mounts); m++)
        for (size_t s = 0; s < COUNT(sections); s++) {
          char *text = hp_printf("{\"annotations\":{%s},\"process\":{\"args\":[\"a\"]%s}%s%s}",
                                 annotations[a], users[u], mounts[m], sections[s]);
          compare(&validate, text);
          free(text);
        }
  hp_validate_clear(&validate);
}
END_TEST

/* ---- what comes out ------------------------------------------------------------------- */

#define POD(annotations, container)                                                                          \
  "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: ns, annotations: {" annotations "}}\nspec:\n"   \
  "  hostNetwork: true\n  nodeName: x\n  automountServiceAccountToken: false\n"                              \
  "  securityContext: {windowsOptions: {hostProcess: true, runAsUserName: \"NT AUTHORITY\\\\Local "          \
  "service\"}}\n"                                                                                            \
  "  volumes: [{name: v, hostPath: {path: /var/log}}]\n"                                                     \
  "  containers:\n  - {name: c, " container "}\n"

static void member_is(const json_t *container, const char *key, const char *expected) {
  char *text = json_dumps(json_object_get(container, key), JSON_COMPACT | JSON_ENCODE_ANY);
  ck_assert_str_eq(text, expected);
  free(text);
}

START_TEST(test_outcome) {
  struct hp_validate validate = judge_for(HP_OS_WINDOWS);
  json_t *report = report_of(
      &validate,
      POD("", "command: [\"%CONTAINER_SANDBOX_MOUNT_POINT%/a.exe\", \"b c\"], workingDir: w, tty: true, "
              "env: [{name: A, value: b}, {name: B, value: $CONTAINER_SANDBOX_MOUNT_POINT}], "
              "volumeMounts: [{name: v, mountPath: /logs}, {name: v, mountPath: 'C:\\hpc\\in', "
              "readOnly: true}], resources: {limits: {memory: 1Ki, cpu: 500m}}"));
  const json_t *c = container_of(report, 0);
  member_is(c, "user",
            "{\"kind\":\"service\",\"token\":\"service logon, no password\",\"name\":\"NT "
            "AUTHORITY\\\\LOCAL SERVICE\"}");
  member_is(c, "volume",
            "{\"path\":\"C:\\\\hpc\",\"behavior\":\"bind\",\"chosenBy\":\"host\",\"elsePath\":"
            "\"C:\\\\hpc\\\\<container id>\"}");
  member_is(
      c, "mounts",
      "[{\"source\":\"c:\\\\var\\\\log\",\"mountPath\":\"c:\\\\logs\",\"readOnly\":false,\"appears\":["
      "\"C:\\\\logs\",\"C:\\\\hpc\\\\logs\"],\"volume\":\"hostPath\"},{\"source\":\"c:\\\\var\\\\log\","
      "\"mountPath\":\"C:\\\\hpc\\\\in\",\"readOnly\":true,\"appears\":[\"C:\\\\hpc\\\\in\"],\"volume\":"
      "\"hostPath\"}]");
  member_is(
      c, "limits",
      "[{\"limit\":\"memory.limit\",\"value\":1024,\"job\":\"JobMemoryLimit = 1024 bytes\"},{\"limit\":"
      "\"resources.limits.cpu\",\"value\":500,\"job\":\"CpuRate = 10 * 500 / the node's processors, from "
      "1 to 10000, a hard cap in hundredths of a percent\"}]");
  member_is(c, "program",
            "{\"ofImage\":false,\"terminal\":true,\"args\":[\"C:\\\\hpc/a.exe\",\"b c\"],\"commandLine\":"
            "\"C:\\\\hpc/a.exe \\\"b c\\\"\"}");
  member_is(c, "workingDirectory", "[\"C:\\\\hpc\\\\w\"]");
  member_is(c, "environment",
            "[{\"name\":\"CONTAINER_SANDBOX_MOUNT_POINT\",\"value\":\"C:\\\\hpc\"},{\"name\":\"B\",\"value\":"
            "\"C:\\\\hpc\"}]");
  member_is(
      c, "open",
      "[\"resources.limits.cpu is 500 thousandths of a processor: the limit is their share of all of the "
      "node's\",\"whether what is mounted is there, and is no socket\",\"whether the node can bind; where "
      "it cannot, the mount behavior is symlink\"]");
  json_decref(report);

  validate.policy.processors = 4;
  report = report_of(&validate, POD("microsoft.com/hostprocess-mount-behavior: symlink",
                                    "volumeMounts: [{name: v, mountPath: /logs, readOnly: true}], resources: "
                                    "{limits: {cpu: 500m}}"));
  c = container_of(report, 0);
  member_is(c, "volume",
            "{\"path\":\"C:\\\\hpc\\\\<container id>\",\"behavior\":\"symlink\",\"chosenBy\":"
            "\"annotation\"}");
  member_is(c, "mounts",
            "[{\"source\":\"c:\\\\var\\\\log\",\"mountPath\":\"c:\\\\logs\",\"readOnly\":true,\"appears\":["
            "\"C:\\\\hpc\\\\<container id>\\\\logs\"],\"volume\":\"hostPath\"}]");
  member_is(c, "limits",
            "[{\"limit\":\"cpu.maximum\",\"value\":1250,\"job\":\"CpuRate = 1250, a hard cap in "
            "hundredths of a percent\"}]");
  member_is(c, "warnings",
            "[\"read-only mounts are writable in this container: mount behavior symlink cannot "
            "enforce them\"]");
  member_is(c, "program", "{\"ofImage\":true,\"terminal\":false,\"args\":[]}");
  json_decref(report);
  hp_validate_clear(&validate);
}
END_TEST

/* As Create takes them. */
START_TEST(test_places) {
  static const struct {
    enum hp_os os;
    const char *destination, *appears;
  } places[] = {
      {HP_OS_WINDOWS, "C:x", "[\"C:\\\\x\",\"C:\\\\hpc\\\\x\"]"},
      {HP_OS_WINDOWS, "d://a/./b/", "[\"D:\\\\a\\\\b\",\"C:\\\\hpc\\\\a\\\\b\"]"},
      {HP_OS_WINDOWS, "/HPC/in", "[\"C:\\\\HPC\\\\in\"]"},
      {HP_OS_LINUX, "//a/./b/", "[\"/a/b\",\"/hpc/a/b\"]"},
      {HP_OS_LINUX, "/hpc//in", "[\"/hpc/in\"]"},
      {HP_OS_LINUX, "/devices", "[\"/devices\",\"/hpc/devices\"]"},
  };
  struct hp_validate validate = judge_for(places[_i].os);
  char *text =
      hp_printf("{\"annotations\":{\"microsoft.com/hostprocess-container\":\"true\"},\"process\":{\"args\":["
                "\"a\"],\"user\":{\"username\":\"SYSTEM\"}},\"mounts\":[{\"type\":\"%s\",\"source\":\"/s\","
                "\"destination\":\"%s\"}]}",
                places[_i].os == HP_OS_LINUX ? "tmpfs" : "bind", places[_i].destination);
  json_t *report = report_of(&validate, text);
  member_is(json_array_get(json_object_get(container_of(report, 0), "mounts"), 0), "appears",
            places[_i].appears);
  json_decref(report);
  free(text);
  hp_validate_clear(&validate);
}
END_TEST

/* The policy's maximum needs no node. */
START_TEST(test_cpu_of_the_policy) {
  static const char policy[] = "{\"limits\":{\"cpu\":1.5}}";
  static const struct {
    const char *cpu;
    enum hp_validate_status status;
  } asked[] = {{"1500m", HP_VALIDATE_ACCEPTED}, {"1501m", HP_VALIDATE_REFUSED}, {"1m", HP_VALIDATE_ACCEPTED},
               {"64", HP_VALIDATE_REFUSED},     {"9E", HP_VALIDATE_REFUSED},    {"0", HP_VALIDATE_REFUSED}};
  struct hp_validate validate = judge_for(HP_OS_WINDOWS);
  struct hp_error err = HP_ERROR_INIT;
  hp_policy_clear(&validate.policy);
  ck_assert_msg(hp_policy_parse("/p", policy, strlen(policy), &validate.policy, &err) == 0, "%s",
                err.message);
  for (size_t i = 0; i < COUNT(asked); i++) {
    char *text = hp_printf(POD("", "resources: {limits: {cpu: %s}}"), asked[i].cpu);
    json_t *report = report_of(&validate, text);
    ck_assert_msg(hp_validate_status(report) == asked[i].status, "%s", asked[i].cpu);
    json_decref(report);
    free(text);
  }
  hp_validate_clear(&validate);
}
END_TEST

START_TEST(test_outcome_linux) {
  struct hp_validate validate = judge_for(HP_OS_LINUX);
  json_t *report = report_of(
      &validate,
      "{\"annotations\":{\"microsoft.com/hostprocess-container\":\"true\"},\"process\":{\"args\":[\"sh\","
      "\"$CONTAINER_SANDBOX_MOUNT_POINT\"],\"cwd\":\"/"
      "w\",\"user\":{\"username\":\"LocalService\"}},\"mounts\":[{"
      "\"type\":\"proc\",\"source\":\"proc\",\"destination\":\"/proc\"},{\"source\":\"/a\",\"destination\":"
      "\"/b\",\"options\":[\"ro\"]}],\"linux\":{\"resources\":{\"memory\":{\"limit\":5}}}}");
  const json_t *c = container_of(report, 0);
  member_is(c, "user",
            "{\"kind\":\"service\",\"token\":\"uid 65534\",\"name\":\"NT AUTHORITY\\\\LOCAL "
            "SERVICE\"}");
  member_is(c, "volume", "{\"path\":\"/hpc\",\"behavior\":\"bind\",\"chosenBy\":\"host\"}");
  member_is(c, "mounts",
            "[{\"source\":\"/a\",\"mountPath\":\"/b\",\"readOnly\":true,\"appears\":[\"/b\","
            "\"/hpc/b\"]}]");
  member_is(c, "limits", "[{\"limit\":\"memory.limit\",\"value\":5,\"job\":\"memory.max\"}]");
  member_is(c, "program", "{\"ofImage\":false,\"terminal\":false,\"args\":[\"sh\",\"/hpc\"]}");
  member_is(c, "workingDirectory", "[\"/w\",\"/hpc/w\"]");
  json_decref(report);
  hp_validate_clear(&validate);
}
END_TEST

START_TEST(test_outcome_of_numbers) {
  struct hp_validate validate = judge_for(HP_OS_LINUX);
  json_t *report = report_of(
      &validate, "{\"annotations\":{\"microsoft.com/hostprocess-container\":\"true\"},\"process\":{"
                 "\"args\":[\"a\"],\"user\":{\"uid\":5,\"gid\":4294967294,\"additionalGids\":[7,0]}},"
                 "\"linux\":{\"resources\":{\"cpu\":{\"cpus\":\"0-1,3\",\"mems\":\"0\"},\"blockIO\":{"
                 "\"throttleReadBpsDevice\":[{\"major\":8,\"rate\":1}],"
                 "\"throttleWriteIOPSDevice\":[{\"major\":8,\"rate\":1}]}}}}");
  const json_t *c = container_of(report, 0);
  member_is(c, "user", "{\"kind\":\"numbers\",\"token\":\"uid 5, gid 4294967294, groups 7, 0\"}");
  member_is(c, "limits",
            "[{\"limit\":\"cpu.cpus\",\"value\":\"0-1,3\",\"job\":\"cpuset.cpus\"},"
            "{\"limit\":\"cpu.mems\",\"value\":\"0\",\"job\":\"cpuset.mems\"},"
            "{\"limit\":\"blockIO.throttle\",\"value\":2,\"job\":\"io.max, as many rates\"}]");
  json_decref(report);
  hp_validate_clear(&validate);
}
END_TEST

/* What cmd.exe is given for one, and what it cannot be given. */
START_TEST(test_outcome_of_a_batch_file) {
  struct hp_validate validate = judge_for(HP_OS_WINDOWS);
  json_t *report = report_of(&validate, POD("", "command: [run.cmd, \"a%b\"]"));
  const json_t *program = json_object_get(container_of(report, 0), "program");
  member_is(program, "commandLine",
            "\"\\\"C:\\\\Windows\\\\System32\\\\cmd.exe\\\" /e:ON /v:OFF /d /c "
            "\\\"\\\"run.cmd\\\" \\\"a%%cd:~,%b\\\"\\\"\"");
  json_decref(report);
  report = report_of(&validate, POD("", "command: [run.cmd, \"a\\nb\"]"));
  const json_t *warnings = json_object_get(container_of(report, 0), "warnings");
  ck_assert_uint_ge(json_array_size(warnings), 1);
  const char *last = json_string_value(json_array_get(warnings, json_array_size(warnings) - 1));
  ck_assert_ptr_nonnull(strstr(last, "Start will fail: process.args[1]"));
  ck_assert_ptr_nonnull(strstr(last, "has a line break"));
  json_decref(report);
  hp_validate_clear(&validate);
}
END_TEST

/* kubelet on Windows writes a section for each system. */
START_TEST(test_the_other_systems_section) {
  static const char text[] =
      "{\"metadata\":{},\"hostname\":\"h\",\"linux\":{\"security_context\":{}},"
      "\"windows\":{\"security_context\":{\"host_process\":true,\"namespace_options\":{\"network\":2}}}}";
  static const enum hp_validate_status wanted[] = {
      [HP_OS_WINDOWS] = HP_VALIDATE_ACCEPTED, [HP_OS_LINUX] = HP_VALIDATE_REFUSED};
  for (int os = 0; os < 2; os++) {
    struct hp_validate validate = judge_for((enum hp_os)os);
    json_t *report = report_of(&validate, text);
    ck_assert_int_eq(hp_validate_status(report), wanted[os]);
    json_decref(report);
    hp_validate_clear(&validate);
  }
}
END_TEST

/* ---- a node that is asked ---------------------------------------------------------------- */

START_TEST(test_node) {
  struct hp_validate validate = judge_for(hp_os_here());
  validate.on_this_node = true;
  json_t *report =
      report_of(&validate, "{\"annotations\":{\"microsoft.com/hostprocess-container\":\"true\"},"
                           "\"process\":{\"args\":[\"a\"],\"user\":{\"username\":\"no-such-name\"}},"
                           "\"mounts\":[{\"source\":\"/no/such/source\",\"destination\":\"/b\"}]}");
  const json_t *refusals = json_object_get(container_of(report, 0), "refusals");
  ck_assert_int_eq(hp_validate_status(report), HP_VALIDATE_REFUSED);
  ck_assert_uint_eq(json_array_size(refusals), 2);
  for (size_t i = 0; i < 2; i++)
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(refusals, i), "rule")), "node");
  ck_assert_ptr_nonnull(
      strstr(json_string_value(json_object_get(json_array_get(refusals, 0), "message")), "no-such-name"));
  ck_assert_ptr_nonnull(
      strstr(json_string_value(json_object_get(json_array_get(refusals, 1), "message")), "mounts[0].source"));
  json_decref(report);

  /* Of another system it can say nothing. */
  validate.os = hp_os_here() == HP_OS_WINDOWS ? HP_OS_LINUX : HP_OS_WINDOWS;
  report = report_of(&validate, "{\"annotations\":{\"microsoft.com/hostprocess-container\":\"true\"},"
                                "\"process\":{\"args\":[\"a\"],\"user\":{\"username\":\"no-such-name\"}}}");
  ck_assert_int_eq(hp_validate_status(report), HP_VALIDATE_ACCEPTED);
  ck_assert_uint_ge(json_array_size(json_object_get(container_of(report, 0), "open")), 2);
  json_decref(report);
  hp_validate_clear(&validate);
}
END_TEST

/* ---- what a file is -------------------------------------------------------------------------- */

static const struct {
  const char *text, *error;     /* of the file; NULL: its format is in format */
  const char *format, *refused; /* the last pod's */
} files[] = {
    {"kind: Pod", NULL, "manifest", "spec is null: it must be an object"},
    {"{\"ociVersion\":\"1\"}", NULL, "config.json", NULL},
    {"{\"process\":{}}", NULL, "config.json", NULL},
    {"{\"metadata\":{}}", NULL, "PodSandboxConfig", NULL},
    {"metadata: {name: p}\nlog_directory: /x", NULL, "PodSandboxConfig", NULL},
    {"metadata: {name: p}\nhostname: h", NULL, "PodSandboxConfig", NULL},
    {"{\"metadata\":{},\"image\":{}}", NULL, "ContainerConfig", NULL},
    {"{\"metadata\":{},\"logPath\":\"x\"}", NULL, "ContainerConfig", NULL},
    {"{\"metadata\":{},\"linux\":{}}{\"command\":[\"}\\\"{\"]}\n ", NULL, "ContainerConfig", NULL},
    {"{\"metadata\":{}}\n\n {\n\"process\":1}", NULL, "config.json",
     "config.json: process is 1: it must be an object"},
    {"{\"metadata\":{}}\n}",
     "the document at line 2: the file is not valid JSON: line 1 column 1: unexpected token near '}'", NULL,
     NULL},
    {"{\"metadata\":{}}\n7",
     "the document at line 2: this is neither a Kubernetes manifest (it has no kind), nor "
     "an OCI config.json, nor a PodSandboxConfig or ContainerConfig of the CRI",
     NULL, NULL},
    {" \n{", "the file is not valid JSON: line 2 column 1: string or '}' expected near end of file", NULL,
     NULL},
    {"[]",
     "this is neither a Kubernetes manifest (it has no kind), nor an OCI config.json, nor a "
     "PodSandboxConfig or ContainerConfig of the CRI",
     NULL, NULL},
    {"a: 1\n---\nkind: Pod",
     "this is neither a Kubernetes manifest (it has no kind), nor an OCI config.json, nor "
     "a PodSandboxConfig or ContainerConfig of the CRI",
     NULL, NULL},
    {"kind: Service\n---\nkind: Pod", NULL, "manifest", "spec is null: it must be an object"},
    {"kind: Service", "there is no pod and no container in it", NULL, NULL},
    {"", "there is no pod and no container in it", NULL, NULL},
    {"{\"process\":1}", NULL, "config.json", "config.json: process is 1: it must be an object"},
    {"a: [", "the file is not valid YAML: line 2 column 1: did not find expected node content", NULL, NULL},
};

START_TEST(test_files) {
  struct hp_validate validate = judge_for(HP_OS_WINDOWS);
  json_t *report = report_of(&validate, files[_i].text);
  const json_t *file = json_array_get(json_object_get(report, "files"), 0);
  const char *error = json_string_value(json_object_get(file, "error")),
             *format = json_string_value(json_object_get(file, "format"));
  if (files[_i].error) {
    ck_assert_str_eq(error ? error : "(read)", files[_i].error);
    ck_assert_int_eq(hp_validate_status(report), HP_VALIDATE_UNREADABLE);
  } else {
    ck_assert_str_eq(format ? format : error, files[_i].format);
    if (files[_i].refused) {
      const json_t *pods = json_object_get(file, "pods");
      const json_t *refusals = json_object_get(json_array_get(pods, json_array_size(pods) - 1), "refusals");
      member_is(json_array_get(refusals, 0), "rule", "\"form\"");
      ck_assert_str_eq(json_string_value(json_object_get(json_array_get(refusals, 0), "message")),
                       files[_i].refused);
      ck_assert_int_eq(hp_validate_status(report), HP_VALIDATE_REFUSED);
    }
  }
  json_decref(report);
  hp_validate_clear(&validate);
}
END_TEST

/* One that cannot be read leaves the others their verdicts. */
START_TEST(test_a_refused_document_among_others) {
  static const char text[] = "kind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c}]}\n---\n"
                             "kind: Pod\nmetadata: {name: b}\nspec: {containers: 7}\n---\n"
                             "kind: Pod\nmetadata: {name: c}\nspec: {containers: [{name: c}]}\n";
  struct hp_validate validate = judge_for(HP_OS_WINDOWS);
  json_t *report = report_of(&validate, text);
  const json_t *pods = json_object_get(json_array_get(json_object_get(report, "files"), 0), "pods");
  ck_assert_uint_eq(json_array_size(pods), 3);
  member_is(json_array_get(pods, 1), "name", "\"b\"");
  member_is(json_array_get(pods, 1), "line", "5");
  member_is(json_array_get(pods, 1), "os", "\"windows\"");
  member_is(json_array_get(pods, 1), "refusals",
            "[{\"rule\":\"form\",\"message\":\"spec.containers is 7: it must be an array\"}]");
  ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(pods, 2), "containers")), 1);
  json_decref(report);
  hp_validate_clear(&validate);
}
END_TEST

/* 64 bytes of it are shown, the last of them the first of two. */
START_TEST(test_a_value_that_is_cut_in_a_character) {
  static const char text[] =
      "kind: Pod\nspec: {containers: [{name: c}], nodeSelector: {kubernetes.io/os: "
      "a234567890123456789012345678901234567890123456789012345678901234567\xc3\xa9\xc3\xa9}}\n";
  for (size_t shift = 0; shift < 6; shift++) {
    struct hp_validate validate = judge_for(HP_OS_WINDOWS);
    char *manifest = hp_strdup(text), *value = strstr(manifest, "a23");
    memmove(value, value + shift, strlen(value + shift) + 1);
    json_t *report = report_of(&validate, manifest);
    const json_t *warnings = json_object_get(first_pod(report), "warnings");
    ck_assert_uint_eq(json_array_size(warnings), 1);
    ck_assert_ptr_nonnull(
        strstr(json_string_value(json_array_get(warnings, 0)), "but the pod is for windows"));
    json_decref(report);
    free(manifest);
    hp_validate_clear(&validate);
  }
}
END_TEST

/* A container's pod is the one that was read before it. */
START_TEST(test_pod_and_container) {
  static const char container[] =
      "{\"command\":[\"a\"],\"windows\":{\"security_context\":{\"host_process\":true,"
      "\"run_as_username\":\"ContainerUser\"}}}";
  struct hp_validate validate = judge_for(HP_OS_WINDOWS);
  json_t *report = report_of(&validate, container);
  ck_assert_int_eq(hp_validate_status(report), HP_VALIDATE_REFUSED);
  json_decref(report);
  report =
      report_of(&validate, "{\"metadata\":{},\"annotations\":{\"microsoft.com/hostprocess-inherit-user\":"
                           "\"true\"},\"windows\":{\"security_context\":{\"host_process\":true}}}");
  ck_assert_int_eq(hp_validate_status(report), HP_VALIDATE_ACCEPTED);
  json_decref(report);
  report = report_of(&validate, container);
  ck_assert_int_eq(hp_validate_status(report), HP_VALIDATE_ACCEPTED);
  member_is(container_of(report, 0), "user", "{\"kind\":\"inherit\",\"token\":\"the shim's own token\"}");
  json_decref(report);
  hp_validate_clear(&validate);
}
END_TEST

/* ---- text --------------------------------------------------------------------------------- */

START_TEST(test_text) {
  static char text[8192];
  struct hp_validate validate = judge_for(HP_OS_WINDOWS);
  json_t *report =
      report_of(&validate, POD("", "command: [a, \"\\e[31m\"]") "---\nkind: Service\nmetadata: {name: s}\n");
  struct capture capture = capture_begin(stdout);
  hp_validate_print(stdout, report);
  capture_end(&capture, text, sizeof text);
  ck_assert_str_eq(
      text, "f: Pod ns/p, line 1: accepted\n"
            "  container c, line 11: accepted\n"
            "    user          NT AUTHORITY\\LOCAL SERVICE: service logon, no password\n"
            "    volume        C:\\hpc (bind, chosen by the host; else symlink, C:\\hpc\\<container id>)\n"
            "    command line  a \"\\x1b[31m\"\n"
            "    directory     C:\\hpc\n"
            "    environment   CONTAINER_SANDBOX_MOUNT_POINT=C:\\hpc\n"
            "    open question: whether the node can bind; where it cannot, the mount behavior is symlink\n"
            "f: Service s is passed over: it has no pod\n");
  json_decref(report);
  report = report_of(&validate, POD("", "command: [a], securityContext: {runAsNonRoot: true}"));
  capture = capture_begin(stdout);
  hp_validate_print(stdout, report);
  capture_end(&capture, text, sizeof text);
  ck_assert_str_eq(text,
                   "f: Pod ns/p, line 1: refused\n"
                   "  container c, line 11: refused\n"
                   "    refused: securityContext.runAsNonRoot is true: a HostProcess container runs as the "
                   "account that it names, set it to false or leave it out (rule runAsNonRoot)\n");
  json_decref(report);
  hp_validate_clear(&validate);
}
END_TEST

/* ---- the verb ------------------------------------------------------------------------------- */

static const struct {
  const char *words[6];
  const char *error;
} lines[] = {
    {{"p", "validate"},
     "containerd-shim-hostprocess-v1: validate needs a file: name one, or - for standard input\n"},
    {{"p", "validate", "--os", "mac", "f"},
     "containerd-shim-hostprocess-v1: option --os has the value \"mac\": use windows or linux\n"},
    {{"p", "validate", "-o", "xml", "f"},
     "containerd-shim-hostprocess-v1: option -o has the value \"xml\": use json or text\n"},
    {{"p", "validate", "--policy", "no-such-file", "f"},
     "containerd-shim-hostprocess-v1: validate: node policy: cannot open \"no-such-file\": no such file "
     "or "
     "directory\n"},
    {{"p", "validate", "--on-this-nod", "f"},
     "containerd-shim-hostprocess-v1: validate has no option --on-this-nod: did you mean --on-this-node?\n"},
};

START_TEST(test_wrong_lines) {
  char text[4096];
  int argc = 0;
  while (lines[_i].words[argc])
    argc++;
  struct capture errors = capture_begin(stderr);
  int status = hp_cli_main(argc, (char **)(uintptr_t)lines[_i].words);
  capture_end(&errors, text, sizeof text);
  ck_assert_int_eq(status, 2);
  ck_assert_str_eq(text, lines[_i].error);
}
END_TEST

START_TEST(test_statuses) {
  static const char good[] = "{\"annotations\":{\"microsoft.com/hostprocess-container\":\"true\"},"
                             "\"process\":{\"args\":[\"a\"],\"user\":{\"username\":\"SYSTEM\"}}}";
  static const struct {
    const char *text; /* NULL: there is no file */
    int status;
  } cases[] = {{good, 0}, {"{\"process\":{\"args\":[\"a\"]}}", 1}, {"{", 2}, {NULL, 2}};
  static char text[8192];
  char *directory = unit_directory("validate"), *path = hp_printf("%s/config.json", directory);
  for (size_t i = 0; i < COUNT(cases); i++) {
    const char *words[] = {"p", "validate", "--os", "windows", path, NULL};
    unit_remove(path);
    if (cases[i].text)
      unit_write(path, cases[i].text, strlen(cases[i].text));
    struct capture capture = capture_begin(stdout);
    int status = hp_cli_main(COUNT(words) - 1, (char **)(uintptr_t)words);
    capture_end(&capture, text, sizeof text);
    ck_assert_msg(status == cases[i].status, "%d, and not %d: %s", status, cases[i].status, text);
  }
  unit_remove_directory(directory);
  free(path);
  free(directory);
}
END_TEST

#define LOOP(test, table) tcase_add_loop_test(tcase, test, 0, (int)COUNT(table))

int main(void) {
  Suite *suite = suite_create("cli_validate");
  TCase *tcase = tcase_create("validate");
  tcase_add_loop_test(tcase, test_create_says_the_same, 0, 2 * (int)COUNT(policies));
  tcase_add_test(tcase, test_outcome);
  tcase_add_loop_test(tcase, test_places, 0, 6);
  tcase_add_test(tcase, test_cpu_of_the_policy);
  tcase_add_test(tcase, test_outcome_linux);
  tcase_add_test(tcase, test_outcome_of_numbers);
  tcase_add_test(tcase, test_outcome_of_a_batch_file);
  tcase_add_test(tcase, test_the_other_systems_section);
  tcase_add_test(tcase, test_node);
  LOOP(test_files, files);
  tcase_add_test(tcase, test_a_refused_document_among_others);
  tcase_add_test(tcase, test_a_value_that_is_cut_in_a_character);
  tcase_add_test(tcase, test_pod_and_container);
  tcase_add_test(tcase, test_text);
  LOOP(test_wrong_lines, lines);
  tcase_add_test(tcase, test_statuses);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
