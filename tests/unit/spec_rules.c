/* Every refusal of the contract, as the user reads it: whole messages. */
#include "spec/rules.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

#define TRUE_ANNOTATION "\"annotations\":{\"" HP_ANNOTATION_HOSTPROCESS "\":\"true\"}"
#define PROCESS "\"process\":{\"args\":[\"sh\"],\"user\":{\"uid\":0,\"gid\":0}}"
#define GOOD TRUE_ANNOTATION "," PROCESS
#define AS(name) TRUE_ANNOTATION ",\"process\":{\"args\":[\"sh\"],\"user\":{\"username\":" name "}}"
#define SANDBOX_ANNOTATIONS(more)                                                                            \
  "\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\"," more "}"
#define HOSTPROCESS(value) "\"" HP_ANNOTATION_HOSTPROCESS "\":\"" value "\""

static struct hp_container_spec spec_of(const char *members) {
  struct hp_container_spec spec;
  struct hp_error err = HP_ERROR_INIT;
  char *text = hp_printf("{%s}", members);
  ck_assert_msg(hp_spec_parse(text, strlen(text), NULL, &spec, &err) == 0, "%s", err.message);
  free(text);
  return spec;
}

static struct hp_policy policy_of(const char *members) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  if (!members) {
    hp_policy_init(&policy);
    return policy;
  }
  char *text = hp_printf("{%s}", members);
  ck_assert_msg(hp_policy_parse("/etc/p.json", text, strlen(text), &policy, &err) == 0, "%s", err.message);
  free(text);
  return policy;
}

struct scene {
  enum hp_os os;
  const char *policy, *sandbox, *spec; /* members of JSON objects; policy and sandbox may be NULL */
  const char *message;                 /* of the refusal; NULL: accepted */
};

/* On acceptance the caller clears both. */
static void play(const struct scene *scene, struct hp_container_spec *spec, struct hp_verdict *verdict) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_policy policy = policy_of(scene->policy);
  struct hp_container_spec sandbox = spec_of(scene->sandbox ? scene->sandbox : "");
  *spec = spec_of(scene->spec);
  int result = hp_rules_judge(scene->os, &policy, scene->sandbox ? &sandbox : NULL, spec, verdict, &err);
  hp_spec_clear(&sandbox);
  hp_policy_clear(&policy);
  if (!scene->message) {
    ck_assert_msg(result == 0, "%s\nrefused: %s", scene->spec, err.message);
    return;
  }
  ck_assert_msg(result == -1, "accepted: %s", scene->spec);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message, scene->message);
  ck_assert_ptr_null(verdict->warnings.items);
  ck_assert_ptr_null(verdict->account.name);
  hp_error_clear(&err);
  hp_spec_clear(spec);
}

#define L HP_OS_LINUX
#define W HP_OS_WINDOWS
#define ASSUME "\"hostProcess\":\"assume\""
#define DIFFERS(container, pod)                                                                              \
  "annotation " HP_ANNOTATION_HOSTPROCESS " is " container " on the container and " pod " on its pod's "     \
  "sandbox: set hostProcess alike for the pod and for each of its containers (on Linux list "                \
  "microsoft.com/* in the runtime's pod_annotations and container_annotations)"
#define ABSENT                                                                                               \
  "annotation " HP_ANNOTATION_HOSTPROCESS " is absent: this shim runs HostProcess containers only, set "     \
  "hostProcess to true (on Linux list microsoft.com/* in the runtime's pod_annotations and "                 \
  "container_annotations) or have the node policy say \"hostProcess\": \"assume\""
#define FALSE_MESSAGE                                                                                        \
  "annotation " HP_ANNOTATION_HOSTPROCESS " is false: this shim runs HostProcess containers only, set "      \
  "hostProcess to true or choose another runtime class"
#define NETWORK ": a HostProcess container uses the host's network, set hostNetwork: true in the pod"
#define USERS " a HostProcess container has the host's users, set hostUsers to true or leave "
#define PIPE(source)                                                                                         \
  "mounts[0].source \"" source "\" is a named pipe, which cannot be mounted: remove the mount and reach it " \
  "by its host path instead"
#define DEVICE_SOURCE(source)                                                                                \
  "mounts[0].source \"" source                                                                               \
  "\" is a device path, which cannot be mounted: remove the mount and reach it "                             \
  "by its host path instead"
#define DESTINATION(path)                                                                                    \
  "mounts[0].destination \"" path "\" is not valid: it must be an absolute path of at most 4095 bytes "      \
  "without \"..\""
#define LOCATION(path, example)                                                                              \
  "annotation " HP_ANNOTATION_ROOTFS_LOCATION " \"" path "\" is not valid: it must be an absolute path "     \
  "below the root such as " example ", of at most 255 bytes, without \"..\""
#define LOCATED(path)                                                                                        \
  "\"annotations\":{" HOSTPROCESS("true") ",\"" HP_ANNOTATION_ROOTFS_LOCATION "\":\"" path "\"}," PROCESS
#define LOCATED_WINDOWS(path)                                                                                \
  "\"annotations\":{" HOSTPROCESS(                                                                           \
      "true") ",\"" HP_ANNOTATION_ROOTFS_LOCATION "\":\"" path "\"},"                                        \
              "\"process\":{\"args\":[\"sh\"],\"user\":{\"username\":\"SYSTEM\"}}"
#define MOUNT(fields) GOOD ",\"mounts\":[{" fields "}]"
#define RESOURCES(fields) GOOD ",\"linux\":{\"resources\":{" fields "}}"
#define RESOURCES_WINDOWS(fields) AS("\"SYSTEM\"") ",\"windows\":{\"resources\":{" fields "}}"
#define NOT_ALLOWED(what, entry)                                                                             \
  what " is not allowed by \"accounts\" (line 1 of the node policy /etc/p.json): use an account listed "     \
       "there, or have \"" entry "\" added"
#define SYMLINK "\"mountBehavior\":\"symlink\""
#define BIND "\"mountBehavior\":\"bind\""
#define AT(path) "{\"source\":\"/s\",\"destination\":\"" path "\"}"
#define MOUNTED(list) GOOD ",\"mounts\":[" list "]"
#define FROM(source) "{\"source\":\"" source "\",\"destination\":\"C:\\\\a\"}"
#define MOUNTED_WINDOWS(list) AS("\"SYSTEM\"") ",\"mounts\":[" list "]"
#define LOCATED_AND_MOUNTED(location, path) LOCATED(location) ",\"mounts\":[" AT(path) "]"
#define LOCATED_AND_MOUNTED_WINDOWS(location, path) LOCATED_WINDOWS(location) ",\"mounts\":[" AT(path) "]"
#define FIRST(path) "mounts[0].destination \"" path "\" "
#define FORBIDDEN                                                                                            \
  "holds a character that Windows forbids in names: remove any of \" * < > ? | and control characters"
#define DEVICE "has a name that Windows keeps for a device: choose another"
#define ENDS "has a name that ends in a dot or a space, which Windows drops: remove it"
#define NETWORK_PATH "is a device or network path: name a path of a drive, as C:\\data"
#define DRIVE "is the root of a drive, which cannot be mounted over: name a directory below"
#define ROOT "is the root, which cannot be mounted over: name a directory below"
#define VOLUME "is the container volume or holds it: mount below it or elsewhere"
#define TWICE(path) "mounts[1].destination \"" path "\" is that of mounts[0] too: mount one of them elsewhere"
#define NESTED(path)                                                                                         \
  "mounts[1].destination \"" path                                                                            \
  "\" and that of mounts[0] lie one in the other, which links cannot: mount "                                \
  "elsewhere, or choose the mount behavior bind"
#define CLIMBS(path)                                                                                         \
  "linux.cgroupsPath \"" path "\" is not valid: it must be a path, or slice:prefix:name, of at most 4095 "   \
  "bytes without \"..\" and control characters"

static const struct scene refusals[] = {
    /* hostProcess */
    {L, NULL, NULL, PROCESS, ABSENT},
    {W, NULL, NULL, PROCESS, ABSENT},
    {L, NULL, NULL, "\"annotations\":{" HOSTPROCESS("f") "}," PROCESS, FALSE_MESSAGE},
    {L, ASSUME, NULL, "\"annotations\":{" HOSTPROCESS("false") "}," PROCESS, FALSE_MESSAGE},
    {L, NULL, NULL, SANDBOX_ANNOTATIONS("\"x\":\"\""), ABSENT},
    {L, NULL, NULL, SANDBOX_ANNOTATIONS(HOSTPROCESS("0")), FALSE_MESSAGE},
    {L, NULL, TRUE_ANNOTATION, PROCESS, DIFFERS("absent", "true")},
    {L, NULL, TRUE_ANNOTATION, "\"annotations\":{" HOSTPROCESS("false") "}," PROCESS,
     DIFFERS("false", "true")},
    {L, NULL, "\"root\":{}", GOOD, DIFFERS("true", "absent")},
    {L, ASSUME, "\"root\":{}", "\"annotations\":{" HOSTPROCESS("false") "}," PROCESS,
     DIFFERS("false", "absent")},

    /* network and isolation */
    {L, NULL, NULL, GOOD ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"}]}",
     "linux.namespaces[1] asks for a new network namespace" NETWORK},
    {L, NULL, NULL, GOOD ",\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"\"}]}",
     "linux.namespaces[0] asks for a new network namespace" NETWORK},
    {L, ASSUME, NULL, GOOD ",\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}",
     "linux.namespaces[0] asks for a new network namespace" NETWORK}, /* the annotation was given */
    {L, NULL, NULL,
     SANDBOX_ANNOTATIONS(HOSTPROCESS("true")) ",\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}",
     "linux.namespaces[0] asks for a new network namespace" NETWORK},
    {L, ASSUME, NULL, PROCESS ",\"linux\":{\"namespaces\":[{\"type\":\"user\"}]}",
     "linux.namespaces[0] asks for a user namespace:" USERS "it out"},
    {L, NULL, NULL, GOOD ",\"linux\":{\"uidMappings\":[{}]}",
     "linux.uidMappings or linux.gidMappings is not empty:" USERS "the mappings out"},
    {L, NULL, NULL, GOOD ",\"linux\":{\"gidMappings\":[{}]}",
     "linux.uidMappings or linux.gidMappings is not empty:" USERS "the mappings out"},
    {W, NULL, NULL, AS("\"SYSTEM\"") ",\"windows\":{\"network\":{\"networkNamespace\":\"n\"}}",
     "windows.network.networkNamespace is set" NETWORK},
    {W, NULL, NULL, AS("\"SYSTEM\"") ",\"windows\":{\"network\":{\"endpointList\":[\"e\"]}}",
     "windows.network.endpointList is not empty" NETWORK},
    {W, NULL, NULL, AS("\"SYSTEM\"") ",\"windows\":{\"hyperv\":{}}",
     "windows.hyperv is present: a HostProcess container cannot be isolated by Hyper-V, choose a runtime "
     "without "
     "it"},
    {W, NULL, NULL, AS("\"SYSTEM\"") ",\"windows\":{\"credentialSpec\":{\"a\":1}}",
     "windows.credentialSpec is present: a HostProcess container takes none, name the group managed service "
     "account as runAsUserName (DOMAIN\\account$) instead"},

    /* account */
    {W, NULL, NULL, GOOD,
     "runAsUserName is empty: set it to NT AUTHORITY\\SYSTEM, Local service, NetworkService or a local "
     "group, or "
     "set annotation microsoft.com/hostprocess-inherit-user to \"true\""},
    {L, NULL, NULL, AS("\"a\\\\b\\\\c\""),
     "runAsUserName \"a\\b\\c\" has more than one backslash: write DOMAIN\\name"},
    {L, NULL, NULL, AS("\"ContainerUser\""),
     "runAsUserName \"ContainerUser\" exists only inside ordinary containers (it is the image's USER when "
     "the pod "
     "names nobody): set runAsUserName to NT AUTHORITY\\SYSTEM, Local service, NetworkService or a local "
     "group"},
    {L, "\"accounts\":[\"hpc\"]", NULL, AS("\"SYSTEM\""), NOT_ALLOWED("runAsUserName \"SYSTEM\"", "SYSTEM")},
    {L, "\"accounts\":[\"CORP\\\\hpc\"]", NULL, AS("\"hpc\""), NOT_ALLOWED("runAsUserName \"hpc\"", "hpc")},
    {L, "\"accounts\":[\"hpc\"]", NULL, AS("\"CORP\\\\hpc\""),
     NOT_ALLOWED("runAsUserName \"CORP\\hpc\"", "CORP\\hpc")},
    {L, "\"accounts\":[]", NULL, GOOD, NOT_ALLOWED("process.user.uid 0", "NT AUTHORITY\\SYSTEM")},
    {L, "\"accounts\":[\"1000\"]", NULL,
     TRUE_ANNOTATION ",\"process\":{\"args\":[\"sh\"],\"user\":{\"uid\":1001,\"gid\":1001}}",
     NOT_ALLOWED("process.user.uid 1001", "1001")},
    {L, "\"accounts\":[\"1000\"]", NULL,
     TRUE_ANNOTATION ",\"process\":{\"args\":[\"sh\"],\"user\":{\"uid\":1000,\"gid\":0}}",
     NOT_ALLOWED("process.user.gid 0", ":0")},
    {L, "\"accounts\":[\"1000\",\":5\"]", NULL,
     TRUE_ANNOTATION
     ",\"process\":{\"args\":[\"sh\"],\"user\":{\"uid\":1000,\"gid\":1000,\"additionalGids\":[5,6]}}",
     NOT_ALLOWED("process.user.additionalGids has 6", ":6")},
    {L, "\"accounts\":[\"hpc\"]", NULL,
     "\"annotations\":{" HOSTPROCESS("true") ",\"" HP_ANNOTATION_INHERIT_USER "\":\"1\"}," PROCESS,
     NOT_ALLOWED("the shim's own user (annotation microsoft.com/hostprocess-inherit-user)",
                 "NT AUTHORITY\\SYSTEM")},

    {L, "\"inheritUser\":false", NULL,
     "\"annotations\":{" HOSTPROCESS("true") ",\"" HP_ANNOTATION_INHERIT_USER "\":\"1\"}," PROCESS,
     "annotation microsoft.com/hostprocess-inherit-user is true, which \"inheritUser\" (line 1 of the node "
     "policy /etc/p.json) forbids: set runAsUserName instead"},
    {L, "\"rootfsLocations\":[\"/srv\"]", NULL, LOCATED("/etc"),
     "annotation microsoft.com/hostprocess-rootfs-location \"/etc\" is not allowed by \"rootfsLocations\" "
     "(line 1 of the node policy /etc/p.json): use a folder listed there or one below it, or leave the "
     "annotation out"},
    {L, "\"limits\":{\"cpu\":1}", NULL, RESOURCES("\"cpu\":{\"quota\":200000,\"period\":100000}"),
     "the CPU limit of 2.000 processors is more than \"limits.cpu\" (line 1 of the node policy /etc/p.json) "
     "allows: set resources.limits.cpu to at most 1.000 processors"},
    {W, "\"limits\":{\"storage\":1000}", NULL, RESOURCES_WINDOWS("\"storage\":{\"sandboxSize\":1001}"),
     "windows.resources.storage.sandboxSize of 1001 bytes is more than \"limits.storage\" (line 1 of the "
     "node policy /etc/p.json) allows: set it to at most 1000 bytes"},

    /* process */
    {L, NULL, NULL, TRUE_ANNOTATION, "process is absent: give it args"},
    {L, NULL, NULL, TRUE_ANNOTATION ",\"process\":{}",
     "process.args names no program: set command or args of the container"},
    {L, NULL, NULL, TRUE_ANNOTATION ",\"process\":{\"args\":[\"\"]}",
     "process.args names no program: set command or args of the container"},
    {L, NULL, NULL, TRUE_ANNOTATION ",\"process\":{\"commandLine\":\"cmd\"}",
     "process.args names no program: set command or args of the container"},

    /* mounts */
    {L, NULL, NULL, MOUNT("\"source\":\"/a\""), "mounts[0].destination is empty: set mountPath"},
    {W, NULL, NULL, AS("\"SYSTEM\"") ",\"mounts\":[{\"source\":\"C:\\\\a\",\"destination\":\"\"}]",
     "mounts[0].destination is empty: set mountPath"},
    {L, NULL, NULL, MOUNT("\"destination\":\"/a\""),
     "mounts[0].source is empty (destination \"/a\"): name the file or directory of the host to mount"},
    {L, NULL, NULL, MOUNT("\"destination\":\"/a\",\"source\":\"\",\"type\":\"bind\""),
     "mounts[0].source is empty (destination \"/a\"): name the file or directory of the host to mount"},
    {L, NULL, NULL, MOUNT("\"destination\":\"/a\",\"source\":\"\\\\\\\\.\\\\pipe\\\\docker\""),
     PIPE("\\\\.\\pipe\\docker")},
    {W, NULL, NULL, AS("\"SYSTEM\"") ",\"mounts\":[{\"destination\":\"C:\\\\a\",\"source\":\"//./PIPE/x\"}]",
     PIPE("//./PIPE/x")},
    {W, NULL, NULL,
     AS("\"SYSTEM\"") ",\"mounts\":[{\"destination\":\"C:\\\\a\",\"source\":\"\\\\\\\\?\\\\pipe\\\\x\"}]",
     PIPE("\\\\?\\pipe\\x")},
    {W, NULL, NULL, MOUNTED_WINDOWS(FROM("\\\\\\\\localhost\\\\pipe\\\\x")), PIPE("\\\\localhost\\pipe\\x")},
    {W, NULL, NULL, MOUNTED_WINDOWS(FROM("//?/unc/h/Pipe/x")), PIPE("//?/unc/h/Pipe/x")},
    {W, NULL, NULL, MOUNTED_WINDOWS(FROM("//./UNC//h//pipe//x")), PIPE("//./UNC//h//pipe//x")},
    {W, NULL, NULL, MOUNTED_WINDOWS(FROM("//.//pipe/x")), PIPE("//.//pipe/x")},
    {W, NULL, NULL, MOUNTED_WINDOWS(FROM("//?/GLOBALROOT/Device/NamedPipe/x")),
     DEVICE_SOURCE("//?/GLOBALROOT/Device/NamedPipe/x")},
    {W, NULL, NULL, MOUNTED_WINDOWS(FROM("//./PhysicalDrive0")), DEVICE_SOURCE("//./PhysicalDrive0")},
    {W, NULL, NULL, MOUNTED_WINDOWS(FROM("//./C:")), DEVICE_SOURCE("//./C:")},
    {W, NULL, NULL, MOUNTED_WINDOWS(FROM("//?/Volume{1}")), DEVICE_SOURCE("//?/Volume{1}")},
    {W, NULL, NULL, MOUNTED_WINDOWS(FROM("//./C:/../pipe/x")), DEVICE_SOURCE("//./C:/../pipe/x")},
    {W, NULL, NULL, MOUNTED_WINDOWS(FROM("//host/pipe. /x")), PIPE("//host/pipe. /x")},
    {W, NULL, NULL, MOUNTED_WINDOWS(FROM("//host/ipc$/x")), PIPE("//host/ipc$/x")},
    {L, NULL, NULL, MOUNT("\"destination\":\"a\",\"source\":\"/s\""), DESTINATION("a")},
    {L, NULL, NULL, MOUNT("\"destination\":\"/a/../b\",\"source\":\"/s\""), DESTINATION("/a/../b")},

    /* the grammar of their places */
    {W, NULL, NULL, MOUNTED_WINDOWS(AT("..\\\\..\\\\x")),
     FIRST("..\\..\\x") "holds \"..\": name the place itself"},
    {W, NULL, NULL, MOUNTED_WINDOWS(AT("C:/a/../b")),
     FIRST("C:/a/../b") "holds \"..\": name the place itself"},
    {W, NULL, NULL, MOUNTED_WINDOWS(AT("C:\\\\a:b")),
     FIRST("C:\\a:b") "holds a colon behind its drive: streams cannot be mounted on"},
    {W, NULL, NULL, MOUNTED_WINDOWS(AT("C:\\\\nul")), FIRST("C:\\nul") DEVICE},
    {W, NULL, NULL, MOUNTED_WINDOWS(AT("/x/COM\xc2\xb9 .txt/y")), FIRST("/x/COM\xc2\xb9 .txt/y") DEVICE},
    {W, NULL, NULL, MOUNTED_WINDOWS(AT("C:\\\\a?b")), FIRST("C:\\a?b") FORBIDDEN},
    {W, NULL, NULL, MOUNTED_WINDOWS(AT("/a\\u0007")), FIRST("/a\\x07") FORBIDDEN},
    {W, NULL, NULL, MOUNTED_WINDOWS(AT("\\\\\\\\srv\\\\x")), FIRST("\\\\srv\\x") NETWORK_PATH},
    {W, NULL, NULL, MOUNTED_WINDOWS(AT("C:\\\\a.")), FIRST("C:\\a.") ENDS},
    {W, NULL, NULL, MOUNTED_WINDOWS(AT("/a /b")), FIRST("/a /b") ENDS},

    /* roots, and the volume */
    {W, NULL, NULL, MOUNTED_WINDOWS(AT("C:\\\\")), FIRST("C:\\") DRIVE},
    {W, SYMLINK, NULL, MOUNTED_WINDOWS(AT("d:/./")), FIRST("d:/./") DRIVE},
    {W, NULL, NULL, MOUNTED_WINDOWS(AT("/")), FIRST("/") DRIVE},
    {L, NULL, NULL, MOUNTED(AT("/")), FIRST("/") ROOT},
    {L, SYMLINK, NULL, MOUNTED(AT("//./")), FIRST("//./") ROOT},
    {L, NULL, NULL, MOUNT("\"destination\":\"/\",\"source\":\"tmpfs\",\"type\":\"tmpfs\""), FIRST("/") ROOT},
    {W, NULL, NULL, MOUNTED_WINDOWS(AT("C:\\\\hpc")), FIRST("C:\\hpc") VOLUME},
    {W, SYMLINK, NULL, MOUNTED_WINDOWS(AT("/HPC/")), FIRST("/HPC/") VOLUME},
    {W, NULL, NULL, LOCATED_AND_MOUNTED_WINDOWS("D:\\\\a\\\\b", "d:/a"), FIRST("d:/a") VOLUME},
    {L, NULL, NULL, MOUNTED(AT("/hpc")), FIRST("/hpc") VOLUME},
    {L, BIND, NULL, MOUNTED(AT("//hpc/.")), FIRST("//hpc/.") VOLUME},
    {L, NULL, NULL, LOCATED_AND_MOUNTED("/srv/a", "/srv"), FIRST("/srv") VOLUME},

    /* two of them */
    {W, NULL, NULL, MOUNTED_WINDOWS(AT("x") "," AT("C:/X/")), TWICE("C:/X/")},
    {W, BIND, NULL, MOUNTED_WINDOWS(AT("C:/x") "," AT("D:/x")), TWICE("D:/x")},
    {W, SYMLINK, NULL, MOUNTED_WINDOWS(AT("C:/hpc/x") "," AT("/hpc/./X")), TWICE("/hpc/./X")},
    {W, SYMLINK, NULL, MOUNTED_WINDOWS(AT("/x/y") "," AT("D:\\\\X")), NESTED("D:\\X")},
    {W, SYMLINK, NULL, MOUNTED_WINDOWS(AT("/x") "," AT("/x/y")), NESTED("/x/y")},

    /* places */
    {L, NULL, NULL, LOCATED(""), LOCATION("", "/hpc")},
    {L, NULL, NULL, LOCATED("hpc"), LOCATION("hpc", "/hpc")},
    {L, NULL, NULL, LOCATED("/"), LOCATION("/", "/hpc")},
    {L, NULL, NULL, LOCATED("/./"), LOCATION("/./", "/hpc")},
    {L, NULL, NULL, LOCATED("/a/../etc"), LOCATION("/a/../etc", "/hpc")},
    {L, NULL, NULL, LOCATED("/a\\nb"), LOCATION("/a\\x0ab", "/hpc")},
    {W, NULL, NULL, LOCATED_WINDOWS("\\\\hpc"), LOCATION("\\hpc", "C:\\hpc")},
    {W, NULL, NULL, LOCATED_WINDOWS("C:\\\\"), LOCATION("C:\\", "C:\\hpc")},
    {W, NULL, NULL, LOCATED_WINDOWS("C:\\\\a:b"), LOCATION("C:\\a:b", "C:\\hpc")},
    {W, NULL, NULL, LOCATED_WINDOWS("C:\\\\a\\\\..\\\\b"), LOCATION("C:\\a\\..\\b", "C:\\hpc")},
    {W, NULL, NULL, LOCATED_WINDOWS("C:\\\\nul"),
     "annotation " HP_ANNOTATION_ROOTFS_LOCATION " \"C:\\nul\" " DEVICE},
    {W, NULL, NULL, LOCATED_WINDOWS("C:\\\\x."),
     "annotation " HP_ANNOTATION_ROOTFS_LOCATION " \"C:\\x.\" " ENDS},
    {L, NULL, NULL, GOOD ",\"linux\":{\"cgroupsPath\":\"/a/../..\"}", CLIMBS("/a/../..")},
    {L, NULL, NULL, GOOD ",\"linux\":{\"cgroupsPath\":\"a.slice:..:b\"}", CLIMBS("a.slice:..:b")},

    /* limits */
    {L, "\"limits\":{\"memory\":1000}", NULL, GOOD,
     "no memory limit is set: \"limits.memory\" (line 1 of the node policy /etc/p.json) asks for one of at "
     "most 1000 "
     "bytes, set resources.limits.memory"},
    {L, "\"limits\":{\"memory\":1000}", NULL, RESOURCES("\"memory\":{\"limit\":-1}"),
     "no memory limit is set: \"limits.memory\" (line 1 of the node policy /etc/p.json) asks for one of at "
     "most 1000 "
     "bytes, set resources.limits.memory"},
    {L, "\"limits\":{\"memory\":1000}", NULL, RESOURCES("\"memory\":{\"limit\":1001}"),
     "the memory limit of 1001 bytes is more than \"limits.memory\" (line 1 of the node policy /etc/p.json) "
     "allows: "
     "set "
     "resources.limits.memory to at most 1000 bytes"},
    {L, NULL, NULL, RESOURCES("\"memory\":{\"swap\":5}"),
     "linux.resources.memory.swap is 5 without a memory limit: set linux.resources.memory.limit too"},
    {L, NULL, NULL, RESOURCES("\"memory\":{\"limit\":6,\"swap\":5}"),
     "linux.resources.memory.swap is 5, less than the memory limit 6: it is memory plus swap, make it at "
     "least as "
     "large"},
    {L, NULL, NULL, RESOURCES("\"cpu\":{\"shares\":1}"),
     "linux.resources.cpu.shares is 1: it must be from 2 to 262144"},
    {L, NULL, NULL, RESOURCES("\"cpu\":{\"quota\":999}"),
     "linux.resources.cpu.quota is 999: it must be from 1000 to 9223372036854775"},
    {L, NULL, NULL, RESOURCES("\"cpu\":{\"period\":1000001}"),
     "linux.resources.cpu.period is 1000001: it must be from 1000 to 1000000"},
    {L, NULL, NULL, RESOURCES("\"blockIO\":{\"weight\":9}"),
     "linux.resources.blockIO.weight is 9: it must be from 10 to 1000"},
    {L, NULL, NULL, RESOURCES("\"cpu\":{\"cpus\":\"all\"}"),
     "linux.resources.cpu.cpus is \"all\": it must be a list of numbers and ranges such as 0-3,7"},
    {L, NULL, NULL, RESOURCES("\"cpu\":{\"cpus\":\"3-1\"}"),
     "linux.resources.cpu.cpus is \"3-1\": it must be a list of numbers and ranges such as 0-3,7"},
    {L, NULL, NULL, RESOURCES("\"cpu\":{\"cpus\":\"0,\"}"),
     "linux.resources.cpu.cpus is \"0,\": it must be a list of numbers and ranges such as 0-3,7"},
    {L, NULL, NULL, RESOURCES("\"cpu\":{\"cpus\":\"1--2\"}"),
     "linux.resources.cpu.cpus is \"1--2\": it must be a list of numbers and ranges such as 0-3,7"},
    {L, NULL, NULL, RESOURCES("\"cpu\":{\"mems\":\"0\\n\"}"),
     "linux.resources.cpu.mems is \"0\\x0a\": it must be a list of numbers and ranges such as 0-3,7"},
    {W, NULL, NULL, RESOURCES_WINDOWS("\"cpu\":{\"count\":1,\"shares\":2}"),
     "more than one of count, maximum and shares is set in windows.resources.cpu (1, 0, 2): set only one"},
    {W, NULL, NULL, RESOURCES_WINDOWS("\"cpu\":{\"maximum\":10001}"),
     "windows.resources.cpu.maximum is 10001: it must be from 1 to 10000"},
    {W, NULL, NULL, RESOURCES_WINDOWS("\"cpu\":{\"shares\":10001}"),
     "windows.resources.cpu.shares is 10001: it must be from 1 to 10000"},
};

START_TEST(test_refusals) {
  struct hp_container_spec spec;
  struct hp_verdict verdict;
  play(&refusals[_i], &spec, &verdict);
}
END_TEST

static const struct {
  struct scene scene;
  enum hp_account_kind kind;
} acceptances[] = {
    {{L, NULL, NULL, GOOD, NULL}, HP_ACCOUNT_NUMERIC},
    {{L, ASSUME, NULL, PROCESS, NULL}, HP_ACCOUNT_NUMERIC},
    {{L, ASSUME, "\"root\":{}", PROCESS, NULL}, HP_ACCOUNT_NUMERIC},
    {{L, ASSUME, TRUE_ANNOTATION, PROCESS, NULL}, HP_ACCOUNT_NUMERIC},
    {{L, NULL, TRUE_ANNOTATION, GOOD, NULL}, HP_ACCOUNT_NUMERIC},
    {{L, NULL, NULL, AS("\"nt authority\\\\system\""), NULL}, HP_ACCOUNT_SYSTEM},
    {{L, NULL, NULL, MOUNT("\"destination\":\"/a\",\"source\":\"//./pipe/x\""), NULL}, HP_ACCOUNT_NUMERIC},
    {{W, NULL, NULL,
      MOUNTED_WINDOWS("{\"source\":\"//?/C:/pipe/x\",\"destination\":\"a\"},"
                      "{\"source\":\"//./Volume{1}/pipe\",\"destination\":\"b\"},"
                      "{\"source\":\"//?/UNC/pipe/share/x\",\"destination\":\"c\"},"
                      "{\"source\":\"//pipe/share\",\"destination\":\"d\"},"
                      "{\"source\":\"//host/pipes/x\",\"destination\":\"f\"},"
                      "{\"source\":\"C:/pipe/x\",\"destination\":\"e\"}"),
      NULL},
     HP_ACCOUNT_SYSTEM},
    {{L, NULL, NULL, AS("\"hpc-localgroup\""), NULL}, HP_ACCOUNT_NAMED},
    {{W, NULL, NULL, AS("\"Local service\"") ",\"windows\":{\"network\":{\"networkNamespace\":\"\"}}", NULL},
     HP_ACCOUNT_LOCAL_SERVICE},
    {{W, NULL, NULL,
      TRUE_ANNOTATION ",\"process\":{\"commandLine\":\"cmd\",\"user\":{\"username\":\"NetworkService\"}}",
      NULL},
     HP_ACCOUNT_NETWORK_SERVICE},
    {{W, NULL, NULL,
      "\"annotations\":{" HOSTPROCESS(
          "T") ",\"" HP_ANNOTATION_INHERIT_USER
               "\":\"true\"},\"process\":{\"args\":[\"sh\"],\"user\":{\"username\":"
               "\"ContainerUser\"}}",
      NULL},
     HP_ACCOUNT_INHERIT},
    /* a network by path: the host says whose it is */
    {{L, NULL, NULL, GOOD ",\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"/proc/1/ns/net\"}]}",
      NULL},
     HP_ACCOUNT_NUMERIC},
    /* system mounts are the host's own and nothing to refuse */
    {{L, NULL, NULL,
      GOOD ",\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"},{\"destination\":\"/dev\",\"type\":"
           "\"tmpfs\",\"source\":\"tmpfs\"},{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\"}]",
      NULL},
     HP_ACCOUNT_NUMERIC},
    {{L, NULL, NULL,
      GOOD ",\"mounts\":[{\"destination\":\"/dev\",\"type\":\"bind\",\"source\":\"/dev/\"},{\"destination\":"
           "\"/run\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"},{\"destination\":\"/sys\",\"type\":\"sysfs\"},"
           "{\"destination\":\"/dev/pts\",\"type\":\"devpts\"}]",
      NULL},
     HP_ACCOUNT_NUMERIC},
    /* … as far as they are: where the volume is in one of them */
    {{L, NULL, NULL,
      LOCATED("/run/hpc") ",\"mounts\":[{\"destination\":\"/run\",\"type\":\"tmpfs\",\"source\":\"t\"}]",
      NULL},
     HP_ACCOUNT_NUMERIC},
    /* what kubelet and the CRI mount into every container */
    {{L, NULL, NULL,
      MOUNTED(AT("/etc/hosts") "," AT("/dev/termination-log") "," AT("/etc/hostname") "," AT(
          "/etc/resolv.conf") "," AT("/dev/shm") "," AT("/var/run/secrets/kubernetes.io/serviceaccount")),
      NULL},
     HP_ACCOUNT_NUMERIC},
    /* places that are some */
    {{W, NULL, NULL,
      MOUNTED_WINDOWS(AT("C:x") "," AT("/nul-file/COM10/console/.hidden") "," AT("C:\\\\hpc\\\\in") "," AT(
          "/hpcx") "," AT("d:/a//b/./") "," AT("/\xc3\xa4\xef\xbf\xbd")),
      NULL},
     HP_ACCOUNT_SYSTEM},
    {{W, NULL, NULL, LOCATED_AND_MOUNTED_WINDOWS("D:\\\\a", "C:\\\\hpc"), NULL}, HP_ACCOUNT_SYSTEM},
    {{L, NULL, NULL,
      MOUNTED(AT("/hpc/in") "," AT("/hpcx") "," AT("/HPC") "," AT("/nul") "," AT("/a:b.") "," AT("/a\\\\")),
      NULL},
     HP_ACCOUNT_NUMERIC},
    {{L, NULL, NULL, LOCATED_AND_MOUNTED("/srv/a", "/hpc"), NULL}, HP_ACCOUNT_NUMERIC},
    {{L, SYMLINK, NULL, MOUNTED(AT("/hpc")), NULL}, HP_ACCOUNT_NUMERIC}, /* below the volume only */
    /* two mounts: on Linux the later one covers the earlier */
    {{L, SYMLINK, NULL, MOUNTED(AT("/x") "," AT("/x") "," AT("/x/y")), NULL}, HP_ACCOUNT_NUMERIC},
    {{W, NULL, NULL, MOUNTED_WINDOWS(AT("/x") "," AT("/x/y") "," AT("/xy")), NULL}, HP_ACCOUNT_SYSTEM},
    {{W, BIND, NULL, MOUNTED_WINDOWS(AT("/x/y") "," AT("/x")), NULL}, HP_ACCOUNT_SYSTEM},
    {{W, SYMLINK, NULL, MOUNTED_WINDOWS(AT("/x") "," AT("/xy") "," AT("/y/x")), NULL}, HP_ACCOUNT_SYSTEM},
    /* the container's id decides */
    {{W, SYMLINK, NULL, MOUNTED_WINDOWS(AT("C:/hpc/a/x") "," AT("D:/hpc/a/x") "," AT("/x")), NULL},
     HP_ACCOUNT_SYSTEM},
    /* what the pause container brings is no matter */
    {{W, "\"accounts\":[],\"limits\":{\"memory\":1}", NULL,
      SANDBOX_ANNOTATIONS(HOSTPROCESS("true")) ",\"process\":{\"user\":{\"username\":\"ContainerUser\"}},"
                                               "\"mounts\":[{}],\"windows\":{\"hyperv\":{}}",
      NULL},
     HP_ACCOUNT_INHERIT},
    {{L, ASSUME, NULL,
      SANDBOX_ANNOTATIONS("\"x\":\"\"") ",\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}", NULL},
     HP_ACCOUNT_INHERIT},
    /* the list of accounts */
    {{L, "\"accounts\":[\"HPC\"]", NULL, AS("\".\\\\hpc\""), NULL}, HP_ACCOUNT_NAMED},
    {{L, "\"accounts\":[\"builtin\\\\administrators\"]", NULL, AS("\".\\\\Administrators\""), NULL},
     HP_ACCOUNT_NAMED},
    {{L, "\"accounts\":[\"corp\\\\a$\"]", NULL, AS("\"CORP\\\\A$\""), NULL}, HP_ACCOUNT_NAMED},
    {{L, "\"accounts\":[\"LocalSystem\"]", NULL, AS("\"S-1-5-18\""), NULL}, HP_ACCOUNT_SYSTEM},
    {{L, "\"accounts\":[\"SYSTEM\"]", NULL, GOOD, NULL}, HP_ACCOUNT_NUMERIC},
    {{L, "\"accounts\":[\"1000\",\":5\"]", NULL,
      TRUE_ANNOTATION
      ",\"process\":{\"args\":[\"sh\"],\"user\":{\"uid\":1000,\"gid\":1000,\"additionalGids\":[5,1000]}}",
      NULL},
     HP_ACCOUNT_NUMERIC},
    /* limits at their edges */
    {{L, "\"limits\":{\"memory\":1000}", NULL, RESOURCES("\"memory\":{\"limit\":1000,\"swap\":1000}"), NULL},
     HP_ACCOUNT_NUMERIC},
    {{L, NULL, NULL,
      RESOURCES(
          "\"memory\":{\"limit\":-1,\"swap\":-1},\"cpu\":{\"shares\":2,\"quota\":-1,\"period\":1000,\"cpus\":"
          "\"0-3,7\"},\"pids\":{\"limit\":-1}"),
      NULL},
     HP_ACCOUNT_NUMERIC},
    {{W, NULL, NULL, RESOURCES_WINDOWS("\"cpu\":{\"maximum\":10000,\"shares\":0}"), NULL}, HP_ACCOUNT_SYSTEM},
    {{W, NULL, NULL, LOCATED_WINDOWS("D:/hpc dir"), NULL}, HP_ACCOUNT_SYSTEM},
};

START_TEST(test_acceptances) {
  struct hp_container_spec spec;
  struct hp_verdict verdict;
  play(&acceptances[_i].scene, &spec, &verdict);
  ck_assert_int_eq(verdict.account.kind, acceptances[_i].kind);
  hp_verdict_clear(&verdict);
  hp_spec_clear(&spec);
}
END_TEST

START_TEST(test_annotations_are_handed_on) {
  static const char sandbox[] =
      "\"annotations\":{" HOSTPROCESS("true") ",\"" HP_ANNOTATION_INHERIT_USER
                                              "\":\"true\",\"" HP_ANNOTATION_ROOTFS_LOCATION
                                              "\":\"/pod\",\"" HP_ANNOTATION_MOUNT_BEHAVIOR "\":\"symlink\"}";
  struct hp_container_spec spec;
  struct hp_verdict verdict;
  play(&(struct scene){L, NULL, sandbox, GOOD, NULL}, &spec, &verdict);
  ck_assert_int_eq(verdict.account.kind, HP_ACCOUNT_INHERIT);
  ck_assert_int_eq(verdict.behavior, HP_MOUNT_SYMLINK);
  ck_assert_int_eq(spec.mount_behavior, HP_MOUNT_SYMLINK);
  ck_assert_str_eq(spec.rootfs_location, "/pod");
  hp_verdict_clear(&verdict);
  hp_spec_clear(&spec);

  /* A member's own win. */
  static const char own[] =
      "\"annotations\":{" HOSTPROCESS("true") ",\"" HP_ANNOTATION_INHERIT_USER
                                              "\":\"false\",\"" HP_ANNOTATION_ROOTFS_LOCATION
                                              "\":\"/own\",\"" HP_ANNOTATION_MOUNT_BEHAVIOR
                                              "\":\"bind\"}," PROCESS;
  play(&(struct scene){L, NULL, sandbox, own, NULL}, &spec, &verdict);
  ck_assert_int_eq(verdict.account.kind, HP_ACCOUNT_NUMERIC);
  ck_assert_int_eq(verdict.behavior, HP_MOUNT_BIND);
  ck_assert_str_eq(spec.rootfs_location, "/own");
  hp_verdict_clear(&verdict);
  hp_spec_clear(&spec);
}
END_TEST

START_TEST(test_behavior_of_the_policy) {
  struct hp_container_spec spec;
  struct hp_verdict verdict;
  play(&(struct scene){L, "\"mountBehavior\":\"symlink\"", NULL, GOOD, NULL}, &spec, &verdict);
  ck_assert_int_eq(verdict.behavior, HP_MOUNT_SYMLINK);
  hp_verdict_clear(&verdict);
  hp_spec_clear(&spec);
  play(&(struct scene){L, NULL, NULL, GOOD, NULL}, &spec, &verdict);
  ck_assert_int_eq(verdict.behavior, HP_MOUNT_UNSET);
  hp_verdict_clear(&verdict);
  hp_spec_clear(&spec);
}
END_TEST

/* One warning names everything that was ignored, network included. */
START_TEST(test_one_warning) {
  struct hp_container_spec spec;
  struct hp_verdict verdict;
  static const char tool[] = PROCESS ",\"hostname\":\"h\",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},"
                                     "{\"type\":\"network\"}],\"seccomp\":{\"a\":1}}";
  play(&(struct scene){L, ASSUME, NULL, tool, NULL}, &spec, &verdict);
  ck_assert_uint_eq(verdict.warnings.count, 1);
  ck_assert_str_eq(verdict.warnings.items[0],
                   "ignored, for it has no meaning for a process of the host: linux.namespaces[0] (pid), "
                   "linux.namespaces[1] (network), hostname, linux.seccomp");
  hp_verdict_clear(&verdict);
  hp_spec_clear(&spec);

  play(&(struct scene){L, NULL, NULL, GOOD, NULL}, &spec, &verdict);
  ck_assert_uint_eq(verdict.warnings.count, 0);
  hp_verdict_clear(&verdict);
  hp_spec_clear(&spec);
}
END_TEST

/* People get every rule's refusal, of which Create answers the first. */
START_TEST(test_all_refusals) {
  struct hp_policy policy = policy_of("\"accounts\":[],\"limits\":{\"memory\":5}");
  struct hp_container_spec spec = spec_of("\"process\":{\"args\":[],\"user\":{\"username\":\"a\\\\b\\\\c\"}},"
                                          "\"mounts\":[{\"source\":\"a\"},{\"destination\":\"b\"}]");
  static const char *const rules[] = {"hostProcess", "program",   "runAsUserName", "mountDestination",
                                      "mountSource", "mountPath", "policyMemory"};
  struct hp_verdict verdict;
  struct hp_refusals found;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_rules_judge_all(L, &policy, NULL, &spec, &verdict, &found), -1);
  ck_assert_uint_eq(found.rules.count, sizeof rules / sizeof rules[0]);
  ck_assert_uint_eq(found.messages.count, found.rules.count);
  for (size_t i = 0; i < found.rules.count; i++)
    ck_assert_str_eq(found.rules.items[i], rules[i]);
  ck_assert_str_eq(found.messages.items[3], "mounts[0].destination is empty: set mountPath");
  ck_assert_int_eq(hp_rules_judge(L, &policy, NULL, &spec, &verdict, &err), -1);
  ck_assert_str_eq(err.message, found.messages.items[0]);
  hp_refusals_clear(&found);
  hp_error_clear(&err);
  hp_policy_clear(&policy);
  hp_spec_clear(&spec);

  policy = policy_of(NULL);
  spec = spec_of(GOOD);
  ck_assert_int_eq(hp_rules_judge_all(L, &policy, NULL, &spec, &verdict, &found), 0);
  ck_assert_uint_eq(found.rules.count, 0);
  hp_refusals_clear(&found);
  hp_verdict_clear(&verdict);
  hp_policy_clear(&policy);
  hp_spec_clear(&spec);
}
END_TEST

static int judge_mounts(size_t count, struct hp_error *err) {
  static struct hp_mount mounts[2000];
  static char destinations[2000][8];
  struct hp_policy policy = policy_of(NULL);
  struct hp_container_spec spec = spec_of(GOOD);
  struct hp_verdict verdict;
  for (size_t i = 0; i < count; i++) {
    snprintf(destinations[i], sizeof destinations[i], "/d%zu", i);
    mounts[i] = (struct hp_mount){.source = (char *)(uintptr_t) "/s", .destination = destinations[i]};
  }
  spec.mounts = mounts;
  spec.mount_count = count;
  int result = hp_rules_judge(L, &policy, NULL, &spec, &verdict, err);
  if (result == 0)
    hp_verdict_clear(&verdict);
  spec.mounts = NULL;
  spec.mount_count = 0;
  hp_spec_clear(&spec);
  hp_policy_clear(&policy);
  return result;
}

START_TEST(test_the_number_of_mounts) {
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(judge_mounts(1024, &err), 0);
  ck_assert_int_eq(judge_mounts(1025, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message, "mounts has 1025 entries, at most 1024 are possible: leave some out");
  hp_error_clear(&err);
}
END_TEST

/* Update is judged by the same limits. */
static bool is_refused_by(struct hp_container_spec *spec, enum hp_os os, const char *rule) {
  struct hp_policy policy = policy_of(NULL);
  struct hp_verdict verdict;
  struct hp_refusals found;
  hp_rules_judge_all(os, &policy, NULL, spec, &verdict, &found);
  bool refused = hp_strings_has(&found.rules, rule);
  hp_refusals_clear(&found);
  hp_verdict_clear(&verdict);
  hp_policy_clear(&policy);
  return refused;
}

/* Each name on the way is compared with all that is claimed on the node. */
START_TEST(test_the_depth_of_places) {
  static const struct {
    size_t mounts, names; /* of each */
    bool good;
  } cases[] = {{1, 2047, true},  {1, 2048, false}, {4, 2040, true},
               {5, 2040, false}, {1000, 8, true},  {1024, 9, false}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    for (int os = 0; os < 2; os++) {
      struct hp_container_spec spec = {.mount_count = cases[i].mounts};
      spec.mounts = hp_alloc(spec.mount_count * sizeof *spec.mounts);
      char *place = hp_alloc(2 * cases[i].names + 1);
      for (size_t j = 0; j < cases[i].names; j++)
        memcpy(place + 2 * j, "/a", 2);
      for (size_t j = 0; j < spec.mount_count; j++)
        spec.mounts[j] = (struct hp_mount){.source = hp_strdup("/s"), .destination = hp_strdup(place)};
      ck_assert_int_eq(is_refused_by(&spec, (enum hp_os)os, "mountDepth"), !cases[i].good);
      free(place);
      hp_spec_clear(&spec);
    }
}
END_TEST

START_TEST(test_update) {
  struct hp_policy policy = policy_of("\"limits\":{\"memory\":1000,\n\"cpu\":2}");
  struct hp_error err = HP_ERROR_INIT;
  struct hp_limits limits = {.memory = {true, 1000}, .cpu_quota = {true, 200000}};
  ck_assert_int_eq(hp_rules_judge_limits(L, &policy, &limits, &err), 0);
  limits.memory.value = 2000;
  ck_assert_int_eq(hp_rules_judge_limits(L, &policy, &limits, &err), -1);
  ck_assert_str_eq(err.message,
                   "the memory limit of 2000 bytes is more than \"limits.memory\" (line 1 of the node "
                   "policy /etc/p.json) allows: set resources.limits.memory to at most 1000 bytes");
  limits.memory.value = 1;
  limits.cpu_quota.value = -1;
  ck_assert_int_eq(hp_rules_judge_limits(L, &policy, &limits, &err), -1);
  ck_assert_str_eq(err.message,
                   "no CPU limit is set: \"limits.cpu\" (line 2 of the node policy /etc/p.json) asks for one "
                   "of at most 2.000 processors (shares and affinity are none), set resources.limits.cpu");
  hp_error_clear(&err);
  hp_policy_clear(&policy);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_rules");
  TCase *tcase = tcase_create("rules");
  tcase_add_loop_test(tcase, test_refusals, 0, (int)(sizeof refusals / sizeof refusals[0]));
  tcase_add_loop_test(tcase, test_acceptances, 0, (int)(sizeof acceptances / sizeof acceptances[0]));
  tcase_add_test(tcase, test_annotations_are_handed_on);
  tcase_add_test(tcase, test_behavior_of_the_policy);
  tcase_add_test(tcase, test_one_warning);
  tcase_add_test(tcase, test_all_refusals);
  tcase_add_test(tcase, test_the_number_of_mounts);
  tcase_add_test(tcase, test_the_depth_of_places);
  tcase_add_test(tcase, test_update);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
