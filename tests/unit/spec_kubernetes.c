/* Manifests as their authors write them, judged as Create would: whole messages. */
#include "spec/kubernetes.h"

#include <stdlib.h>
#include <string.h>

#include "spec/rules.h"
#include "support.h"

static struct hp_pods pods_of(enum hp_os os, const char *text) {
  struct hp_yaml yaml;
  struct hp_pods pods = {0};
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_yaml_load("f", text, strlen(text), &yaml, &err) == 0, "%s", err.message);
  for (size_t i = 0; i < json_array_size(yaml.documents); i++)
    ck_assert_msg(hp_pods_read(os, json_array_get(yaml.documents, i), &yaml, &pods, &err) == 0, "%s\n%s",
                  err.message, text);
  hp_yaml_clear(&yaml);
  return pods;
}

static void note(struct hp_strings *says, const char *who, const struct hp_refusals *refusals) {
  for (size_t i = 0; i < refusals->messages.count; i++)
    hp_strings_take(says, hp_printf("%s: %s", who, refusals->messages.items[i]));
}

/* What is refused, "pod: MESSAGE" and "NAME: MESSAGE" in their order. */
static struct hp_strings judge(enum hp_os os, const char *text) {
  struct hp_pods pods = pods_of(os, text);
  struct hp_strings says = {0};
  struct hp_policy policy;
  hp_policy_init(&policy);
  for (size_t i = 0; i < pods.count; i++) {
    struct hp_verdict verdict;
    struct hp_refusals refusals;
    hp_rules_judge_all(os, &policy, NULL, &pods.items[i].sandbox, &verdict, &refusals);
    note(&says, "pod", &refusals);
    hp_refusals_clear(&refusals);
    hp_verdict_clear(&verdict);
    for (size_t k = 0; k < pods.items[i].container_count; k++) {
      struct hp_pod_container *container = &pods.items[i].containers[k];
      hp_rules_judge_all(os, &policy, &pods.items[i].sandbox, &container->spec, &verdict, &refusals);
      note(&says, container->name, &refusals);
      hp_refusals_clear(&refusals);
      hp_verdict_clear(&verdict);
    }
  }
  hp_policy_clear(&policy);
  hp_pods_clear(&pods);
  return says;
}

#define HEAD "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
/* pod: members of securityContext; spec: further members; container: further members */
#define POD(pod, spec, container)                                                                            \
  HEAD "spec:\n  hostNetwork: true\n  securityContext: {" pod "}\n" spec                                     \
       "  containers:\n  - name: c\n    image: i\n    command: [a]\n" container
#define SYSTEM "windowsOptions: {hostProcess: true, runAsUserName: SYSTEM}"
#define AS(name) "windowsOptions: {hostProcess: true, runAsUserName: " name "}"
#define NOT_TRUE                                                                                             \
  "securityContext.windowsOptions.hostProcess is not true: this shim runs HostProcess containers only, set " \
  "it to true or choose another runtime class"
#define DIFFERS(container, pod)                                                                              \
  "securityContext.windowsOptions.hostProcess is " container " for the container and " pod                   \
  " for its pod: set it alike for the pod and for each of its containers, init and ephemeral ones too"
#define NETWORK(value)                                                                                       \
  "pod: spec.hostNetwork is " value ": a HostProcess container uses the host's network, set hostNetwork: "   \
  "true in the pod"
#define NON_ROOT                                                                                             \
  "securityContext.runAsNonRoot is true: a HostProcess container runs as the account that it names, set it " \
  "to false or leave it out"
#define NO_NAME                                                                                              \
  "c: runAsUserName is empty: set it to NT AUTHORITY\\SYSTEM, Local service, NetworkService or a local "     \
  "group, or set annotation microsoft.com/hostprocess-inherit-user to \"true\""
#define IMAGE_USER(name)                                                                                     \
  "c: runAsUserName \"" name "\" exists only inside ordinary containers (it is the image's USER when the "   \
  "pod names nobody): set runAsUserName to NT AUTHORITY\\SYSTEM, Local service, NetworkService or a local "  \
  "group"
#define CANNOT_MOUNT ", which cannot be mounted: remove the mount and reach it by its host path instead"

static const struct {
  const char *manifest, *refusals[6];
} scenes[] = {
    /* hostProcess */
    {POD(SYSTEM, "", ""), {NULL}},
    {POD("windowsOptions: {runAsUserName: SYSTEM}", "", ""), {"pod: " NOT_TRUE, "c: " NOT_TRUE}},
    {POD("windowsOptions: {hostProcess: false, runAsUserName: SYSTEM}", "", ""),
     {"pod: " NOT_TRUE, "c: " NOT_TRUE}},
    {POD("windowsOptions: {hostProcess: yes, runAsUserName: SYSTEM}", "", ""), {NULL}},

    /* one kind, and overrides of the container, of init and ephemeral ones too */
    {POD("", "", "    securityContext: {" SYSTEM "}\n"), {NULL}},
    {POD(SYSTEM, "", "    securityContext: {windowsOptions: {hostProcess: false}}\n"),
     {"c: " DIFFERS("not true", "true"), "c: " NOT_TRUE}},
    {POD("windowsOptions: {hostProcess: false}", "", "    securityContext: {" SYSTEM "}\n"),
     {"pod: " NOT_TRUE, "c: " DIFFERS("true", "not true")}},
    {POD("", "  initContainers: [{name: i, command: [a]}]\n", "    securityContext: {" SYSTEM "}\n"),
     {"i: " DIFFERS("not true", "true"), "i: " NOT_TRUE,
      "i: runAsUserName is empty: set it to NT AUTHORITY\\SYSTEM, Local service, NetworkService or a local "
      "group, or set annotation microsoft.com/hostprocess-inherit-user to \"true\""}},
    {POD(SYSTEM,
         "  ephemeralContainers: [{name: e, command: [a], securityContext: {windowsOptions: {hostProcess: "
         "false}}}]\n",
         ""),
     {"e: " DIFFERS("not true", "true"), "e: " NOT_TRUE}},
    {POD(SYSTEM,
         "  initContainers: [{name: i, command: [a]}]\n  ephemeralContainers: [{name: e, command: [a]}]\n",
         ""),
     {NULL}},

    /* hostNetwork must be said */
    {HEAD "spec:\n  securityContext: {" SYSTEM "}\n  containers: [{name: c, command: [a]}]\n",
     {NETWORK("absent")}},
    {HEAD "spec:\n  hostNetwork: false\n  securityContext: {" SYSTEM
          "}\n  containers: [{name: c, command: [a]}]\n",
     {NETWORK("false")}},
    {POD(SYSTEM, "  hostUsers: false\n", ""),
     {"pod: spec.hostUsers is false: a HostProcess container has the host's users, set hostUsers to true or "
      "leave it out"}},

    /* accounts */
    {POD("windowsOptions: {hostProcess: true}", "", ""), {NO_NAME}},
    {POD(AS("''"), "", ""), {NO_NAME}},
    {POD(AS("ContainerUser"), "", ""), {IMAGE_USER("ContainerUser")}},
    {POD(AS("containeradministrator"), "", ""), {IMAGE_USER("containeradministrator")}},
    {POD(AS("a\\b\\c"), "", ""),
     {"c: runAsUserName \"a\\b\\c\" has more than one backslash: write DOMAIN\\name"}},
    {POD(AS("\"a\\tb\""), "", ""), {"c: runAsUserName \"a\\x09b\" has control characters: remove them"}},
    {POD(AS("a|b"), "", ""),
     {"c: runAsUserName \"a|b\" has a character that Windows forbids in names: remove any of \" / [ ] : ; "
      "| "
      "= , + * ? < >"}},
    {POD(AS("NT AUTHORITY\\Local service"), "", ""), {NULL}},
    {POD(AS("nt authority\\LOCALSERVICE"), "", ""), {NULL}},
    {POD(AS("Network Service"), "", ""), {NULL}},
    {POD(AS("S-1-5-18"), "", ""), {NULL}},
    {POD(AS("hpc-localgroup"), "", ""), {NULL}},
    {POD(AS("BUILTIN\\Administratoren"), "", ""), {NULL}},
    {POD(AS("CORP\\gmsa1$"), "", ""), {NULL}},
    {POD(AS("Gr\xc3\xbc\xc3\x9f"
            "e-\xe7\xbb\x84"),
         "", ""),
     {NULL}},
    {POD(SYSTEM, "", "    securityContext: {windowsOptions: {runAsUserName: ContainerUser}}\n"),
     {IMAGE_USER("ContainerUser")}},
    {POD(AS("ContainerUser"), "", "    securityContext: {windowsOptions: {runAsUserName: SYSTEM}}\n"),
     {NULL}},

    /* runAsNonRoot */
    {POD(SYSTEM ", runAsNonRoot: false", "", ""), {NULL}},
    {POD(SYSTEM ", runAsNonRoot: true", "", ""), {"pod: " NON_ROOT, "c: " NON_ROOT}},
    {POD(SYSTEM, "", "    securityContext: {runAsNonRoot: true}\n"), {"c: " NON_ROOT}},
    {POD(SYSTEM ", runAsNonRoot: true", "", "    securityContext: {runAsNonRoot: false}\n"),
     {"pod: " NON_ROOT}},

    /* credentials */
    {POD("windowsOptions: {hostProcess: true, runAsUserName: SYSTEM, gmsaCredentialSpecName: g}", "", ""),
     {"c: securityContext.windowsOptions.gmsaCredentialSpec is present: a HostProcess container takes none, "
      "name the group managed service account as runAsUserName (DOMAIN\\account$) instead"}},

    /* the system */
    {POD(SYSTEM, "  os: {name: windows}\n", ""), {NULL}},
    {POD(SYSTEM, "  os: {name: linux}\n", ""),
     {"pod: spec.os.name is \"linux\": the pod is judged for windows, set it to windows or leave it out"}},

    /* the program */
    {HEAD "spec: {hostNetwork: true, securityContext: {" SYSTEM "}, containers: [{name: c}]}\n", {NULL}},
    {HEAD "spec: {hostNetwork: true, securityContext: {" SYSTEM
          "}, containers: [{name: c, command: ['']}]}\n",
     {"c: process.args names no program: set command or args of the container"}},

    /* mounts */
    {POD(SYSTEM, "  volumes: [{name: v, hostPath: {path: '\\\\.\\pipe\\docker_engine'}}]\n",
         "    volumeMounts: [{name: v, mountPath: /p}]\n"),
     {"c: volumeMounts[0]'s hostPath \"\\\\.\\pipe\\docker_engine\" is a named pipe" CANNOT_MOUNT}},
    {POD(SYSTEM, "  volumes: [{name: v, hostPath: {path: /run/x.sock, type: Socket}}]\n",
         "    volumeMounts: [{name: v, mountPath: /p}]\n"),
     {"c: volumeMounts[0]'s hostPath \"c:\\run\\x.sock\" is a Unix socket" CANNOT_MOUNT}},
    {POD(SYSTEM, "  volumes: [{name: v, hostPath: {path: ''}}]\n",
         "    volumeMounts: [{name: v, mountPath: /p}]\n"),
     {NULL}},
    {POD(SYSTEM, "  volumes: [{name: v, emptyDir: {}}]\n", "    volumeMounts: [{name: v}]\n"),
     {"c: volumeMounts[0].mountPath is empty: set mountPath"}},

    /* places */
    {"apiVersion: v1\nkind: Pod\nmetadata: {annotations: {microsoft.com/hostprocess-rootfs-location: hpc}}\n"
     "spec: {hostNetwork: true, securityContext: {" SYSTEM "}, containers: [{name: c}]}\n",
     {"c: annotation microsoft.com/hostprocess-rootfs-location \"hpc\" is not valid: it must be an absolute "
      "path below the root such as C:\\hpc, of at most 255 bytes, without \"..\""}},
    {"apiVersion: v1\nkind: Pod\nmetadata: {annotations: {microsoft.com/hostprocess-inherit-user: 'true'}}\n"
     "spec: {hostNetwork: true, containers: [{name: c, securityContext: {windowsOptions: {hostProcess: "
     "true}}}]}\n",
     {NULL}},

    /* the page's own example, in other words */
    {"apiVersion: v1\nkind: Pod\nmetadata: {name: pinger}\nspec:\n  hostNetwork: true\n  nodeSelector:\n"
     "    kubernetes.io/os: windows\n  securityContext:\n    windowsOptions:\n      hostProcess: true\n"
     "      runAsUserName: 'NT AUTHORITY\\Local service'\n  containers:\n  - name: ping\n"
     "    image: registry.example/base:1\n    command: [ping, -t, 127.0.0.1]\n",
     {NULL}},
};

START_TEST(test_scenes) {
  struct hp_strings says = judge(HP_OS_WINDOWS, scenes[_i].manifest);
  size_t i = 0;
  for (; scenes[_i].refusals[i]; i++) {
    ck_assert_msg(i < says.count, "not refused: %s\n%s", scenes[_i].refusals[i], scenes[_i].manifest);
    ck_assert_str_eq(says.items[i], scenes[_i].refusals[i]);
  }
  ck_assert_msg(i == says.count, "refused: %s\n%s", i < says.count ? says.items[i] : "", scenes[_i].manifest);
  hp_strings_clear(&says);
}
END_TEST

/* ---- kinds ----------------------------------------------------------------------- */

#define SPEC "{hostNetwork: true, securityContext: {" SYSTEM "}, containers: [{name: c, command: [a]}]}"

static const char *const kinds[] = {
    "{apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: " SPEC "}}}",
    "{apiVersion: apps/v1, kind: DaemonSet, spec: {template: {metadata: {}, spec: " SPEC "}}}",
    "{apiVersion: apps/v1, kind: StatefulSet, spec: {template: {spec: " SPEC "}}}",
    "{apiVersion: apps/v1, kind: ReplicaSet, spec: {template: {spec: " SPEC "}}}",
    "{apiVersion: v1, kind: ReplicationController, spec: {template: {spec: " SPEC "}}}",
    "{apiVersion: batch/v1, kind: Job, spec: {template: {spec: " SPEC "}}}",
    "{apiVersion: batch/v1, kind: CronJob, spec: {jobTemplate: {spec: {template: {spec: " SPEC "}}}}}",
    "{apiVersion: v1, kind: PodTemplate, template: {spec: " SPEC "}}",
    "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, spec: " SPEC "}]}",
    "{apiVersion: v1, kind: PodList, items: [{apiVersion: v1, kind: Pod, spec: " SPEC "}]}",
};

START_TEST(test_kinds) {
  struct hp_pods pods = pods_of(HP_OS_WINDOWS, kinds[_i]);
  ck_assert_uint_eq(pods.count, 1);
  ck_assert_uint_eq(pods.items[0].container_count, 1);
  ck_assert_str_eq(pods.items[0].containers[0].spec.process.username, "SYSTEM");
  hp_pods_clear(&pods);
  struct hp_strings says = judge(HP_OS_WINDOWS, kinds[_i]);
  ck_assert_uint_eq(says.count, 0);
}
END_TEST

START_TEST(test_documents) {
  struct hp_pods pods =
      pods_of(HP_OS_WINDOWS, "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n---\n" HEAD
                             "spec:\n  initContainers:\n  - name: i\n  containers:\n  - name: c\n"
                             "  ephemeralContainers:\n  - name: e\n---\n"
                             "{apiVersion: v1, kind: List, items: [{kind: List}]}");
  ck_assert_uint_eq(pods.count, 1);
  ck_assert_str_eq(pods.items[0].kind, "Pod");
  ck_assert_str_eq(pods.items[0].name, "p");
  ck_assert_uint_eq(pods.items[0].line, 5);
  ck_assert_uint_eq(pods.items[0].container_count, 3);
  ck_assert_int_eq(pods.items[0].containers[0].kind, HP_CONTAINER_INIT);
  ck_assert_uint_eq(pods.items[0].containers[0].line, 10);
  ck_assert_int_eq(pods.items[0].containers[1].kind, HP_CONTAINER_NORMAL);
  ck_assert_int_eq(pods.items[0].containers[2].kind, HP_CONTAINER_EPHEMERAL);
  ck_assert_uint_eq(pods.others.count, 2);
  ck_assert_str_eq(pods.others.items[0], "Service s");
  ck_assert_str_eq(pods.others.items[1], "List");
  hp_pods_clear(&pods);
}
END_TEST

/* ---- what a container becomes ------------------------------------------------------ */

START_TEST(test_container) {
  struct hp_pods pods =
      pods_of(HP_OS_WINDOWS,
              POD(SYSTEM,
                  "  volumes:\n  - {name: h, hostPath: {path: /var/log}}\n  - {name: d, hostPath: {path: "
                  "'D:\\data'}}\n"
                  "  - {name: e, emptyDir: {}}\n  - {name: nn}\n",
                  "    args: [$(A), '$$(A)', $(B), $(S), $(, x$, $]\n    workingDir: C:\\w\n    tty: true\n"
                  "    env:\n    - {name: A, value: '1'}\n    - {name: B, value: '$(A)2$(C)'}\n"
                  "    - {name: S, valueFrom: {secretKeyRef: {name: s, key: k}}}\n    - {name: E}\n"
                  "    volumeMounts:\n    - {name: h, mountPath: /logs, readOnly: true}\n"
                  "    - {name: d, mountPath: 'E:\\x', subPath: a}\n    - {name: e, mountPath: e}\n"
                  "    - {name: nn, mountPath: /n}\n"
                  "    resources: {limits: {cpu: 1500m, memory: 1.5Gi}}\n"));
  const struct hp_pod_container *c = &pods.items[0].containers[0];
  static const char *const args[] = {"a", "1", "$(A)", "12$(C)", "$(S)", "$(", "x$", "$"};
  ck_assert_uint_eq(c->spec.process.args.count, sizeof args / sizeof args[0]);
  for (size_t i = 0; i < c->spec.process.args.count; i++)
    ck_assert_str_eq(c->spec.process.args.items[i], args[i]);
  ck_assert_uint_eq(c->spec.process.env.count, 3);
  ck_assert_str_eq(c->spec.process.env.items[1], "B=12$(C)");
  ck_assert_str_eq(c->spec.process.env.items[2], "E=");
  ck_assert_str_eq(c->spec.process.cwd, "C:\\w");
  ck_assert(c->spec.process.terminal);

  static const struct {
    const char *source, *destination, *volume;
  } mounts[] = {
      {"c:\\var\\log", "c:\\logs", "hostPath"},
      {"D:\\data\\a", "E:\\x", "hostPath"},
      {"emptyDir volume e, made by kubelet", "c:\\e", "emptyDir"},
      {"emptyDir volume nn, made by kubelet", "c:\\n", "emptyDir"},
      {"service account token, made by kubelet", "c:\\var\\run\\secrets\\kubernetes.io\\serviceaccount",
       "projected"},
  };
  ck_assert_uint_eq(c->spec.mount_count, sizeof mounts / sizeof mounts[0]);
  ck_assert_uint_eq(c->volumes.count, c->spec.mount_count);
  for (size_t i = 0; i < c->spec.mount_count; i++) {
    ck_assert_str_eq(c->spec.mounts[i].source, mounts[i].source);
    ck_assert_str_eq(c->spec.mounts[i].destination, mounts[i].destination);
    ck_assert_str_eq(c->volumes.items[i], mounts[i].volume);
  }
  ck_assert(c->spec.mounts[0].read_only && !c->spec.mounts[1].read_only && c->spec.mounts[4].read_only);

  ck_assert_int_eq(c->spec.limits.memory.value, 1610612736);
  ck_assert(!c->spec.limits.cpu_maximum.set);
  ck_assert_int_eq(c->cpu_millis.value, 1500);
  ck_assert_uint_eq(c->open.count, 1);
  ck_assert_str_eq(c->open.items[0], "$(S) is replaced by what the cluster has for it");
  hp_pods_clear(&pods);
}
END_TEST

START_TEST(test_token) {
  struct hp_pods pods = pods_of(HP_OS_WINDOWS, POD(SYSTEM, "  automountServiceAccountToken: false\n", ""));
  ck_assert_uint_eq(pods.items[0].containers[0].spec.mount_count, 0);
  hp_pods_clear(&pods);
  pods = pods_of(HP_OS_WINDOWS, POD(SYSTEM, "  volumes: [{name: e, emptyDir: {}}]\n",
                                    "    volumeMounts: [{name: e, mountPath: "
                                    "/var/run/secrets/kubernetes.io/serviceaccount}]\n"));
  ck_assert_uint_eq(pods.items[0].containers[0].spec.mount_count, 1);
  hp_pods_clear(&pods);
}
END_TEST

START_TEST(test_cpu_maximum) {
  ck_assert_int_eq(hp_cpu_maximum(1500, 4), 3750);
  ck_assert_int_eq(hp_cpu_maximum(1, 128), 1);
  ck_assert_int_eq(hp_cpu_maximum(4000, 4), 10000);
  ck_assert_int_eq(hp_cpu_maximum(9000, 4), 10000);
  ck_assert_int_eq(hp_cpu_maximum(INT64_MAX, 4), 10000);
  ck_assert_int_eq(hp_cpu_maximum(500, 0), 5000);
}
END_TEST

/* There the annotation says what a pod is, and numbers who runs it. */
START_TEST(test_linux) {
  static const char manifest[] =
      "apiVersion: v1\nkind: Pod\nmetadata: {annotations: {microsoft.com/hostprocess-container: 'true'}}\n"
      "spec:\n  hostNetwork: true\n  securityContext: {runAsUser: 5, runAsGroup: 6, supplementalGroups: [7], "
      "fsGroup: 0}\n"
      "  volumes: [{name: h, hostPath: {path: /var/log}}]\n"
      "  containers: [{name: c, command: [a], volumeMounts: [{name: h, mountPath: /logs, subPath: x}],\n"
      "    resources: {limits: {cpu: 250m, memory: 1Mi}}}]\n";
  struct hp_strings says = judge(HP_OS_LINUX, manifest);
  ck_assert_msg(says.count == 0, "%s", says.count ? says.items[0] : "");
  struct hp_pods pods = pods_of(HP_OS_LINUX, manifest);
  const struct hp_container_spec *spec = &pods.items[0].containers[0].spec;
  ck_assert_uint_eq(spec->process.uid, 5);
  ck_assert_uint_eq(spec->process.gid, 6);
  ck_assert_uint_eq(spec->process.additional_gid_count, 2);
  ck_assert_uint_eq(spec->process.additional_gids[0], 7);
  ck_assert_uint_eq(spec->process.additional_gids[1], 0);
  ck_assert_str_eq(spec->mounts[0].source, "/var/log/x");
  ck_assert_int_eq(spec->limits.cpu_quota.value, 25000);
  ck_assert_int_eq(spec->limits.cpu_period.value, 100000);
  ck_assert_int_eq(spec->limits.cpu_shares.value, 256);
  ck_assert_int_eq(spec->limits.memory.value, 1048576);
  hp_pods_clear(&pods);
  says = judge(HP_OS_LINUX, POD("", "", ""));
  ck_assert_uint_eq(says.count, 2);
  hp_strings_clear(&says);
}
END_TEST

/* ---- hints ------------------------------------------------------------------------- */

static const struct {
  const char *manifest, *warning; /* NULL: none */
} hints[] = {
    {POD(SYSTEM, "", ""),
     "nothing keeps the pod to nodes of its system: set spec.nodeSelector to kubernetes.io/os: windows"},
    {POD(SYSTEM, "  nodeSelector: {kubernetes.io/os: windows}\n", ""), NULL},
    {POD(SYSTEM, "  nodeName: n\n", ""), NULL},
    {POD(SYSTEM, "  nodeSelector: {kubernetes.io/os: linux}\n", ""),
     "spec.nodeSelector has kubernetes.io/os: linux, but the pod is for windows"},
    {POD("windowsOptions: {hostprocess: true}", "  nodeName: n\n", ""),
     "spec.securityContext.windowsOptions.hostprocess is no field and has no effect: did you mean "
     "hostProcess?"},
    {POD("windowsOptions: {run_as_username: x}", "  nodeName: n\n", ""),
     "spec.securityContext.windowsOptions.run_as_username is no field and has no effect: did you mean "
     "runAsUserName?"},
    {POD("windowsOptions: {runAsUser: x}", "  nodeName: n\n", ""),
     "spec.securityContext.windowsOptions.runAsUser is no field and has no effect: did you mean "
     "runAsUserName?"},
    {POD("windowsOptions: {hostProccess: x}", "  nodeName: n\n", ""),
     "spec.securityContext.windowsOptions.hostProccess is no field and has no effect: did you mean "
     "hostProcess?"},
    {POD("windowsOption: {}", "  nodeName: n\n", ""),
     "spec.securityContext.windowsOption is no field and has no effect: did you mean windowsOptions?"},
    {POD("", "  nodeName: n\n  hostnetwork: true\n", ""),
     "spec.hostnetwork is no field and has no effect: did you mean hostNetwork?"},
    {POD("", "  nodeName: n\n  somethingNew: true\n", ""), NULL},
};

START_TEST(test_hints) {
  struct hp_pods pods = pods_of(HP_OS_WINDOWS, hints[_i].manifest);
  const struct hp_strings *warnings = &pods.items[0].warnings;
  ck_assert_uint_eq(warnings->count, hints[_i].warning ? 1 : 0);
  if (hints[_i].warning)
    ck_assert_str_eq(warnings->items[0], hints[_i].warning);
  hp_pods_clear(&pods);
}
END_TEST

#define NO_FIELD(path, meant) path " is no field and has no effect: did you mean " meant "?"

START_TEST(test_hints_of_containers) {
  struct hp_pods pods =
      pods_of(HP_OS_WINDOWS, POD(SYSTEM, "",
                                 "    securitycontext: {}\n    securityContext: {runAsNonRot: true, "
                                 "windowsOptions: {runAsUsername: x}}\n"));
  static const char *const says[] = {
      NO_FIELD("spec.containers[0].securitycontext", "securityContext"),
      NO_FIELD("spec.containers[0].securityContext.windowsOptions.runAsUsername", "runAsUserName"),
      NO_FIELD("spec.containers[0].securityContext.runAsNonRot", "runAsNonRoot")};
  const struct hp_strings *warnings = &pods.items[0].containers[0].warnings;
  ck_assert_uint_eq(warnings->count, 3);
  for (size_t i = 0; i < 3; i++)
    ck_assert_str_eq(warnings->items[i], says[i]);
  hp_pods_clear(&pods);
}
END_TEST

/* ---- what cannot be read -------------------------------------------------------------- */

static const struct {
  const char *manifest, *message;
} unreadable[] = {
    {"[]", "the document is an array: it must be an object"},
    {"{a: 1}", "kind is null: it must be the kind of a Kubernetes object, such as Pod"},
    {HEAD, "spec is null: it must be an object"},
    {"{kind: Deployment, spec: {}}", "spec.template is null: it must be an object"},
    {"{kind: List, items: [{kind: Pod, spec: 1}]}", "items[0].spec is 1: it must be an object"},
    {HEAD "spec: {}", "spec.containers is null: it must be a list of at least one container"},
    {HEAD "spec: {containers: [1]}", "spec.containers[0] is 1: it must be an object"},
    {HEAD "spec: {hostNetwork: 'true', containers: [{}]}",
     "spec.hostNetwork is \"true\": it must be true or false"},
    {HEAD "spec: {containers: [{command: a}]}", "spec.containers[0].command is \"a\": it must be an array"},
    {HEAD "spec: {containers: [{args: [5]}]}", "spec.containers[0].args[0] is 5: it must be a string"},
    {HEAD "spec: {containers: [{env: [{name: A, value: 5}]}]}",
     "spec.containers[0].env[0].value is 5: it must be a string (write it in quotes)"},
    {HEAD "spec: {containers: [{env: [{value: a}]}]}",
     "spec.containers[0].env[0].name is null: it must be the name of a variable"},
    {HEAD "spec: {containers: [{volumeMounts: [{name: v, mountPath: /p}]}]}",
     "spec.containers[0].volumeMounts[0].name is \"v\": it must be the name of one of the pod's volumes"},
    {HEAD
     "spec: {volumes: [{name: v, hostPath: {}}], containers: [{volumeMounts: [{name: v, mountPath: /p}]}]}",
     "spec.volumes[0].hostPath.path is null: it must be the path of a file or directory of the node"},
    {HEAD "spec: {containers: [{resources: {limits: {memory: 1Gb}}}]}",
     "spec.containers[0].resources.limits.memory is \"1Gb\": it must be a quantity of at least 0 such as "
     "512Mi, "
     "1.5 or 250m"},
    {HEAD "spec: {containers: [{resources: {limits: {cpu: -1}}}]}",
     "spec.containers[0].resources.limits.cpu is -1: it must be a quantity of at least 0 such as 512Mi, 1.5 "
     "or "
     "250m"},
    {HEAD "spec: {containers: [{securityContext: {windowsOptions: {hostProcess: 1}}}]}",
     "spec.containers[0].securityContext.windowsOptions.hostProcess is 1: it must be true or false"},
    {HEAD
     "spec: {containers: [{env: [{name: A, value: '"
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'}, {name: B, value: $(A)$(A)$(A)$(A)$(A)$(A)$(A)$(A)},"
     "{name: C, value: $(B)$(B)$(B)$(B)$(B)$(B)$(B)$(B)}, {name: D, value: $(C)$(C)$(C)$(C)$(C)$(C)$(C)$(C)},"
     "{name: E, value: $(D)$(D)$(D)$(D)$(D)$(D)$(D)$(D)}, {name: F, value: $(E)$(E)$(E)$(E)$(E)$(E)$(E)$(E)},"
     "{name: G, value: $(F)$(F)$(F)$(F)$(F)$(F)$(F)$(F)}]}]}",
     "command, args and env have more than 4194304 bytes when $(NAME) is replaced: make them "
     "shorter"},
};

START_TEST(test_unreadable) {
  struct hp_yaml yaml;
  struct hp_pods pods = {0};
  struct hp_error err = HP_ERROR_INIT;
  const char *text = unreadable[_i].manifest;
  ck_assert_msg(hp_yaml_load("f", text, strlen(text), &yaml, &err) == 0, "%s", err.message);
  ck_assert_msg(hp_pods_read(HP_OS_WINDOWS, json_array_get(yaml.documents, 0), &yaml, &pods, &err) == -1,
                "read: %s", text);
  ck_assert_str_eq(err.message, unreadable[_i].message);
  hp_error_clear(&err);
  hp_pods_clear(&pods);
  hp_yaml_clear(&yaml);
}
END_TEST

START_TEST(test_bounds) {
  struct hp_pods pods = {.containers = HP_PODS_CONTAINERS_MAX};
  struct hp_error err = HP_ERROR_INIT;
  json_t *document = json_loads("{\"kind\":\"Pod\",\"spec\":{\"containers\":[{}]}}", 0, NULL);
  ck_assert_int_eq(hp_pods_read(HP_OS_WINDOWS, document, NULL, &pods, &err), -1);
  ck_assert_str_eq(err.message, "more than 4096 containers are in one file: split it");
  hp_error_clear(&err);
  hp_pods_clear(&pods);
  json_decref(document);
}
END_TEST

#define LOOP(test, table) tcase_add_loop_test(tcase, test, 0, (int)(sizeof table / sizeof table[0]))

int main(void) {
  Suite *suite = suite_create("spec_kubernetes");
  TCase *tcase = tcase_create("kubernetes");
  LOOP(test_scenes, scenes);
  LOOP(test_kinds, kinds);
  LOOP(test_hints, hints);
  LOOP(test_unreadable, unreadable);
  tcase_add_test(tcase, test_documents);
  tcase_add_test(tcase, test_container);
  tcase_add_test(tcase, test_token);
  tcase_add_test(tcase, test_cpu_maximum);
  tcase_add_test(tcase, test_linux);
  tcase_add_test(tcase, test_hints_of_containers);
  tcase_add_test(tcase, test_bounds);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
