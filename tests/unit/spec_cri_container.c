/* crictl's container files, judged as Create would. */
#include <stdlib.h>
#include <string.h>

#include "spec/cri.h"
#include "spec/rules.h"
#include "support.h"

#define POD "{\"windows\":{\"security_context\":{\"host_process\":true}}}"
#define SYSTEM "\"host_process\":true,\"run_as_username\":\"SYSTEM\""
#define SECURITY(members) "\"windows\":{\"security_context\":{" members "}}"
#define CONFIG(members) "{\"metadata\":{\"name\":\"c\"},\"command\":[\"a\"]," members "}"

static char *first_refusal(const char *text) {
  struct hp_container_spec pod, spec;
  struct hp_error err = HP_ERROR_INIT;
  struct hp_policy policy;
  struct hp_verdict verdict;
  hp_policy_init(&policy);
  ck_assert_int_eq(hp_cri_pod_parse(POD, strlen(POD), NULL, &pod, &err), 0);
  ck_assert_msg(hp_cri_container_parse(text, strlen(text), NULL, &spec, &err) == 0, "%s: %s", text,
                err.message);
  if (hp_rules_judge(HP_OS_WINDOWS, &policy, &pod, &spec, &verdict, &err) == 0)
    hp_verdict_clear(&verdict);
  char *message = hp_strdup(err.message);
  hp_error_clear(&err);
  hp_spec_clear(&pod);
  hp_spec_clear(&spec);
  hp_policy_clear(&policy);
  return message;
}

static const struct {
  const char *config, *message;
} scenes[] = {
    {CONFIG(SECURITY(SYSTEM)), NULL},
    {"{" SECURITY(SYSTEM) "}", NULL}, /* the image's program */
    {CONFIG(SECURITY("\"run_as_username\":\"SYSTEM\"")),
     "windows.security_context.host_process is not true for the container and true for its pod: set it alike "
     "for the pod and for each of its containers, init and ephemeral ones too"},
    {CONFIG(SECURITY("\"host_process\":true")),
     "runAsUserName is empty: set it to NT AUTHORITY\\SYSTEM, Local service, NetworkService or a local "
     "group, "
     "or set annotation microsoft.com/hostprocess-inherit-user to \"true\""},
    {CONFIG(SECURITY(SYSTEM ",\"credential_spec\":\"{}\"")),
     "windows.security_context.credential_spec is present: a HostProcess container takes none, name the "
     "group "
     "managed service account as runAsUserName (DOMAIN\\account$) instead"},
    {CONFIG(
         "\"mounts\":[{\"container_path\":\"C:\\\\a\",\"host_path\":\"\\\\\\\\.\\\\pipe\\\\x\"}]," SECURITY(
             SYSTEM)),
     "mounts[0].host_path \"\\\\.\\pipe\\x\" is a named pipe, which cannot be mounted: remove the mount and "
     "reach it by its host path instead"},
    {CONFIG("\"mounts\":[{\"host_path\":\"C:\\\\a\"}]," SECURITY(SYSTEM)),
     "mounts[0].container_path is empty: set mountPath"},
    {CONFIG("\"mounts\":[{\"container_path\":\"C:\\\\a\"}]," SECURITY(SYSTEM)),
     "mounts[0].host_path is empty (destination \"C:\\a\"): name the file or directory of the host to mount"},
    {CONFIG("\"windows\":{\"resources\":{\"cpu_count\":1,\"cpu_shares\":2},\"security_context\":{" SYSTEM
            "}}"),
     "more than one of count, maximum and shares is set in windows.resources.cpu (1, 0, 2): set only one"},
};

START_TEST(test_scenes) {
  char *message = first_refusal(scenes[_i].config);
  if (scenes[_i].message)
    ck_assert_str_eq(message ? message : "accepted", scenes[_i].message);
  else
    ck_assert_msg(!message, "%s", message);
  free(message);
}
END_TEST

START_TEST(test_fields) {
  static const char text[] =
      "{\"metadata\":{\"name\":\"c\"},\"image\":{\"image\":\"i\"},\"command\":[\"a\"],\"args\":[\"b\"],"
      "\"working_dir\":\"C:\\\\w\",\"envs\":[{\"key\":\"K\",\"value\":\"v\"},{\"key\":\"E\"}],\"tty\":true,"
      "\"mounts\":[{\"container_path\":\"C:\\\\d\",\"host_path\":\"C:\\\\s\",\"readonly\":true}],"
      "\"windows\":{\"resources\":{\"cpu_maximum\":5000,\"memory_limit_in_bytes\":1024,"
      "\"rootfs_size_in_bytes\":7,\"cpu_shares\":0,\"affinity_cpus\":[{\"cpu_mask\":6,"
      "\"cpu_group\":1}]},\"security_context\":{" SYSTEM "}}}";
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_cri_container_parse(text, strlen(text), NULL, &spec, &err) == 0, "%s", err.message);
  ck_assert_int_eq(spec.role, HP_ROLE_MEMBER);
  ck_assert_int_eq(spec.hostprocess, HP_TRUE);
  ck_assert_uint_eq(spec.process.args.count, 2);
  ck_assert_str_eq(spec.process.cwd, "C:\\w");
  ck_assert_str_eq(spec.process.env.items[0], "K=v");
  ck_assert_str_eq(spec.process.env.items[1], "E=");
  ck_assert(spec.process.terminal && spec.mounts[0].read_only && !spec.image_program);
  ck_assert_str_eq(spec.mounts[0].source, "C:\\s");
  ck_assert_int_eq(spec.limits.cpu_maximum.value, 5000);
  ck_assert_int_eq(spec.limits.memory.value, 1024);
  ck_assert_int_eq(spec.limits.storage_size.value, 7);
  ck_assert(!spec.limits.cpu_shares.set);
  ck_assert_uint_eq(spec.limits.affinities.count, 1);
  ck_assert_uint_eq(spec.limits.affinities.items[0].mask, 6);
  ck_assert_uint_eq(spec.limits.affinities.items[0].group, 1);
  hp_spec_clear(&spec);
}
END_TEST

START_TEST(test_linux_fields) {
  static const char text[] =
      "{\"command\":[\"a\"],\"linux\":{\"resources\":{\"cpu_quota\":5000,\"cpu_period\":100000,"
      "\"cpuset_cpus\":\"0\"},\"security_context\":{\"run_as_user\":{\"value\":5},\"run_as_group\":{"
      "\"value\":6},\"supplemental_groups\":[6,0],"
      "\"namespace_options\":{\"network\":\"POD\"}}}}";
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_cri_container_parse(text, strlen(text), NULL, &spec, &err) == 0, "%s", err.message);
  ck_assert_uint_eq(spec.process.uid, 5);
  ck_assert_uint_eq(spec.process.gid, 6);
  ck_assert_uint_eq(spec.process.additional_gid_count, 2);
  ck_assert_uint_eq(spec.process.additional_gids[0], 6);
  ck_assert_uint_eq(spec.process.additional_gids[1], 0);
  ck_assert_int_eq(spec.limits.cpu_quota.value, 5000);
  ck_assert_str_eq(spec.limits.cpuset_cpus, "0");
  ck_assert_str_eq(spec.own_network, "linux.security_context.namespace_options.network is POD");
  hp_spec_clear(&spec);
}
END_TEST

/* kubelet on Windows writes both sections; Linux' means nothing there. */
START_TEST(test_the_section_that_is_asked_for) {
  static const char text[] =
      "{\"command\":[\"a\"],\"linux\":{\"security_context\":{\"run_as_user\":{\"value\":5}}},"
      "\"windows\":{\"security_context\":{" SYSTEM "}}}";
  static const enum hp_os systems[] = {HP_OS_WINDOWS, HP_OS_LINUX};
  for (size_t i = 0; i < 2; i++) {
    struct hp_container_spec spec;
    struct hp_error err = HP_ERROR_INIT;
    ck_assert_int_eq(hp_cri_container_parse(text, strlen(text), &systems[i], &spec, &err), 0);
    ck_assert_int_eq(spec.has_windows, systems[i] == HP_OS_WINDOWS);
    ck_assert_int_eq(spec.hostprocess, systems[i] == HP_OS_WINDOWS ? HP_TRUE : HP_UNSET);
    ck_assert_uint_eq(spec.process.uid, systems[i] == HP_OS_WINDOWS ? 0 : 5);
    hp_spec_clear(&spec);
  }
}
END_TEST

static const struct {
  const char *config, *message;
} unreadable[] = {
    {"[]", "ContainerConfig: the document is an array: it must be an object"},
    {"{\"command\":1}", "ContainerConfig: command is 1: it must be an array"},
    {"{\"envs\":[{}]}", "ContainerConfig: envs[0].key is null: it must be the name of a variable"},
    {"{\"envs\":[{\"key\":\"a=b\"}]}",
     "ContainerConfig: envs[0].key is \"a=b\": it must be the name of a variable"},
    {"{\"mounts\":[1]}", "ContainerConfig: mounts[0] is 1: it must be an object"},
    {"{\"windows\":{\"resources\":{\"cpu_count\":\"1x\"}}}",
     "ContainerConfig: windows.resources.cpu_count is \"1x\": it must be an integer of at least -1"},
    {"{\"linux\":{\"security_context\":{\"run_as_user\":5}}}",
     "ContainerConfig: linux.security_context.run_as_user is 5: it must be an object"},
};

START_TEST(test_unreadable) {
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(
      hp_cri_container_parse(unreadable[_i].config, strlen(unreadable[_i].config), NULL, &spec, &err), -1);
  ck_assert_str_eq(err.message, unreadable[_i].message);
  hp_error_clear(&err);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_cri_container");
  TCase *tcase = tcase_create("container");
  tcase_add_loop_test(tcase, test_scenes, 0, (int)(sizeof scenes / sizeof scenes[0]));
  tcase_add_loop_test(tcase, test_unreadable, 0, (int)(sizeof unreadable / sizeof unreadable[0]));
  tcase_add_test(tcase, test_fields);
  tcase_add_test(tcase, test_linux_fields);
  tcase_add_test(tcase, test_the_section_that_is_asked_for);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
