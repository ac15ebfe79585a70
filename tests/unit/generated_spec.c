#include "generated_spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support.h"

/* splitmix64 */
static uint64_t next(struct generator *g) {
  uint64_t z = g->state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

unsigned generator_pick(struct generator *g, unsigned count) {
  return (unsigned)(next(g) % count);
}

/* ---- pieces: JSON texts, in which @ is the scratch directory, # the token -------------- */

struct pieces {
  const char *const *right, *const *wrong;
  const char *const *late; /* NULL: none is */
};
#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* One part in so many is wrong, or wrong late: in every second specification one
 * of some twenty. */
#define WRONG_ONE_IN 60
#define MOUNTS_MAX 3

static const char *one_of(struct generator *g, const char *const *texts) {
  unsigned count = 0;
  while (texts[count])
    count++;
  return texts[generator_pick(g, count)];
}

static const char *piece(struct generator *g, const struct pieces *pieces) {
  unsigned turn = generator_pick(g, 2 * WRONG_ONE_IN);
  if (turn == 0 && pieces->late) {
    g->late = true;
    return one_of(g, pieces->late);
  }
  return one_of(g, turn < 3 && pieces->wrong[0] ? pieces->wrong : pieces->right);
}

/* ---- of both systems ------------------------------------------------------------------- */

static const struct pieces hostprocess = {
    .right = TEXTS("\"true\"", "\"true\"", "\"true\"", "\"1\"", "\"t\"", "\"T\"", "\"TRUE\"", "\"True\""),
    .wrong = TEXTS("\"false\"", "\"0\"", "\"F\"", "\"yes\"", "\"\"", "\" true\"", "true", "null"),
};
static const struct pieces inherit_user = {
    .right = TEXTS("null", "null", "null", "\"true\"", "\"false\""),
    .wrong = TEXTS("\"maybe\"", "1"),
};
static const struct pieces mount_behavior = {
    .right = TEXTS("null", "\"bind\"", "\"symlink\""),
    .wrong = TEXTS("\"Bind\"", "\"\"", "\"copy\""),
};
static const struct pieces arguments = {
    .right = TEXTS("[\"true\"]", "[\"a\",\"b c\",\"\",\"\\\"\"]", "[\"$CONTAINER_SANDBOX_MOUNT_POINT/x\"]",
                   "[\"\\u00fc\",\"\\ud83d\\ude00\"]"),
    .wrong = TEXTS("[]", "[\"\"]", "null", "[1]", "\"true\""),
};
static const struct pieces environment = {
    .right = TEXTS("null", "[]", "[\"A=b\",\"A=\",\"PATH=/x\"]", "[\"B=%CONTAINER_SANDBOX_MOUNT_POINT%\"]"),
    .wrong = TEXTS("[\"A\"]", "[\"=b\"]", "[null]", "{}"),
};
static const struct pieces terminal = {
    .right = TEXTS("null", "false", "true"),
    .wrong = TEXTS("\"true\"", "1"),
};
static const struct pieces root_of_image = {
    .right = TEXTS("{\"path\":\"rootfs\"}", "{\"path\":\"rootfs\",\"readonly\":true}",
                   "{\"path\":\"@/bundle/rootfs\"}"),
    .wrong = TEXTS("{\"path\":1}", "{\"path\":\"rootfs\",\"readonly\":\"yes\"}", "[]"),
    .late = TEXTS("null", "{}", "{\"path\":\"none\"}", "{\"path\":\"@/sources/file\"}", "{\"path\":\"\"}"),
};
static const struct pieces numbers = {
    .right = TEXTS("null", "0", "-1000", "1000"),
    .wrong = TEXTS("-1001", "1.5", "\"0\""),
};

/* ---- of Linux ---------------------------------------------------------------------------- */

static const struct pieces linux_user = {
    .right = TEXTS("null", "{}", "{\"uid\":1000,\"gid\":5,\"additionalGids\":[1,2]}",
                   "{\"username\":\"SYSTEM\"}", "{\"username\":\"nt authority\\\\Local Service\"}",
                   "{\"username\":\"NetworkService\"}", "{\"username\":\"S-1-5-19\"}",
                   "{\"username\":\"hpc-group\"}", "{\"username\":\".\\\\hpc-group\"}",
                   "{\"username\":\"BUILTIN\\\\hpc-group\"}", "{\"username\":\"joe\"}",
                   "{\"username\":\"gr\\u00f6\\u00dfe\"}", "{\"uid\":4294967294,\"gid\":4294967294}"),
    .wrong = TEXTS("{\"username\":\"\"}", "{\"username\":\"nobody-has-this-name\"}",
                   "{\"username\":\"ContainerUser\"}", "{\"username\":\"a\\\\b\\\\c\"}",
                   "{\"username\":\"DOMAIN\\\\joe\"}", "{\"username\":\"a*b\"}", "{\"username\":\"..\"}",
                   "{\"username\":\"j\\u0001oe\"}", "{\"uid\":4294967295}", "{\"gid\":4294967295}",
                   "{\"additionalGids\":[4294967295]}", "{\"uid\":-1}", "{\"uid\":4294967296}",
                   "{\"username\":1}"),
};
static const struct pieces linux_directory = {
    .right = TEXTS("null", "\"/\"", "\"/hpc\"", "\"@/places/there\"", "\"data\"", "\"/none/such\"", "\"\""),
    .wrong = TEXTS("7", "[\"/\"]"),
};
static const struct pieces linux_location = {
    .right = TEXTS("null", "null", "null", "null", "\"@/places/volume\"", "\"@/places/there\"",
                   "\"//@/places/./x//\"", "\"/hpc\""),
    .wrong = TEXTS("\"relative\"", "\"/\"", "\"/..\"", "\"@/places/../x\"", "\"/./.\"", "\"\"",
                   "\"@/places/file\"", "\"@/places/file/x\"", "\"@/a\\u0007\""),
    .late = TEXTS("\"/proc/hp-none\""),
};
static const struct pieces linux_source = {
    .right = TEXTS("\"@/sources/data\"", "\"@/sources/file\"", "\"@/sources/link\"", "\"@/sources/./data/\""),
    .wrong = TEXTS("\"@/sources/none\"", "\"@/socket\"", "\"\"", "null", "\"@/sources/file/x\"", "\"data\"",
                   "\".\"", "\"\\\\\\\\.\\\\pipe\\\\x\"", "3"),
};
static const struct pieces linux_destination = {
    .right = TEXTS("\"@/places/new/deep\"", "\"@/places/other\"", "\"@/places/there\"", "\"@/places/file\"",
                   "\"/hpc/inside\"", "\"/hpc/inside/deeper\"", "\"@/places/new/deep/in\"",
                   "\"/var/hp-new/x\"", "\"@/places/link/x\"", "\"//var/./hp-odd/\""),
    .wrong = TEXTS("\"relative\"", "\"@/places/../x\"", "\"\"", "null", "\"/\"", "\"/hpc\"", "\"/.\"",
                   "\"@/places/file/x\"", "{}"),
    .late = TEXTS("\"/proc/hp-none\"", "\"/sys/hp-none\""),
};
static const struct pieces linux_mount = {
    .right =
        TEXTS("\"type\":\"bind\"", "\"type\":\"bind\",\"options\":[\"rbind\",\"ro\"]",
              "\"options\":[\"rbind\",\"rprivate\",\"nosuid\"]", "\"options\":[\"bind\",\"rslave\",\"rro\"]",
              "\"type\":\"\"", "\"type\":\"none\",\"options\":[\"bind\"]",
              "\"type\":\"tmpfs\",\"options\":[\"size=1m\",\"mode=700\"]", "\"type\":\"proc\"",
              "\"type\":\"tmpfs\""),
    .wrong = TEXTS("\"type\":1", "\"options\":[\"bind\",\"loop\"]", "\"options\":[\"remount\"]",
                   "\"options\":\"ro\""),
    .late = TEXTS("\"type\":\"no-such-file-system\"", "\"type\":\"tmpfs\",\"options\":[\"size=much\"]",
                  "\"type\":\"ext4\""),
};
static const struct pieces linux_namespaces = {
    .right = TEXTS("null", "[]", "[{\"type\":\"pid\"},{\"type\":\"mount\"}]",
                   "[{\"type\":\"network\",\"path\":\"/proc/self/ns/net\"}]",
                   "[{\"type\":\"ipc\",\"path\":\"/proc/1/ns/ipc\"}]"),
    .wrong = TEXTS("[{\"type\":\"network\"}]", "[{\"type\":\"user\"}]",
                   "[{\"type\":\"network\",\"path\":\"@/sources/file\"}]",
                   "[{\"type\":\"network\",\"path\":\"@/sources/none\"}]", "[{}]"),
};
static const struct pieces linux_cgroup = {
    .right = TEXTS("null", "null", "\"\"", "\"/hp-#/one\"", "\"hp-#/two/three\"", "\"hp#.slice:made:one\"",
                   "\"hp#-a.slice:made:one.slice\""),
    .wrong = TEXTS("\"/\"", "\"/hp-#/../x\"", "\"/hp-#/./x\"", "\"/hp-#/\\u0001\"", "\"hp#:made:one\"",
                   "\"hp#--a.slice:made:one\"", "\"hp#.slice:made:\"", "\"-.slice:..:hp-#/x\"", "1"),
};
static const struct pieces linux_memory = {
    .right = TEXTS("null", "{}", "{\"limit\":67108864}", "{\"limit\":67108864,\"swap\":67108864}",
                   "{\"limit\":-1,\"swap\":-1}", "{\"limit\":0}", "{\"limit\":1099511627776}",
                   "{\"reservation\":1048576}"),
    .wrong = TEXTS("{\"limit\":-2}", "{\"swap\":67108864}", "{\"limit\":67108864,\"swap\":1}",
                   "{\"limit\":9223372036854775808}", "{\"limit\":\"1\"}"),
};
static const struct pieces linux_cpu = {
    .right = TEXTS("null", "{\"shares\":2}", "{\"shares\":262144}", "{\"shares\":0}",
                   "{\"quota\":50000,\"period\":100000}", "{\"quota\":-1}", "{\"cpus\":\"0\",\"mems\":\"0\"}",
                   "{\"cpus\":\"\"}", "{\"quota\":1000}", "{\"period\":1000000}"),
    .wrong = TEXTS("{\"shares\":1}", "{\"shares\":262145}", "{\"quota\":999}", "{\"period\":999}",
                   "{\"period\":1000001}", "{\"cpus\":\"a\"}", "{\"cpus\":\"1--2\"}", "{\"cpus\":\"3-1\"}",
                   "{\"cpus\":\",0\"}", "{\"mems\":\"-\"}", "{\"quota\":9223372036854775807}"),
    .late = TEXTS("{\"cpus\":\"4095\"}", "{\"mems\":\"1023\"}", "{\"quota\":17592186044416}"),
};
static const struct pieces linux_pids = {
    .right = TEXTS("null", "{\"limit\":10}", "{\"limit\":-1}", "{\"limit\":0}", "{\"limit\":4194304}"),
    .wrong = TEXTS("{\"limit\":-2}", "{\"limit\":1e3}"),
    .late = TEXTS("{\"limit\":9223372036854775807}"),
};
static const struct pieces linux_block = {
    .right = TEXTS("null", "null", "{}"),
    .wrong = TEXTS("{\"weight\":9}", "{\"weight\":1001}", "{\"throttleReadBpsDevice\":[{\"major\":-1}]}"),
    .late =
        TEXTS("{\"weight\":500}", "{\"throttleReadBpsDevice\":[{\"major\":1,\"minor\":99999,\"rate\":1}]}"),
};

/* ---- of Windows --------------------------------------------------------------------------- */

static const struct pieces windows_user = {
    .right = TEXTS("{\"username\":\"SYSTEM\"}", "{\"username\":\"NT AUTHORITY\\\\Local service\"}",
                   "{\"username\":\"nt authority\\\\NETWORK SERVICE\"}", "{\"username\":\"NetworkService\"}",
                   "{\"username\":\"S-1-5-19\"}", "{\"username\":\"hpc-group\"}",
                   "{\"username\":\".\\\\HPC-Group\"}", "{\"username\":\"BUILTIN\\\\hpc-group\"}",
                   "{\"username\":\"joe\"}", "{\"username\":\"gr\\u00f6\\u00dfe\"}"),
    .wrong =
        TEXTS("null", "{\"uid\":0}", "{\"username\":\"\"}", "{\"username\":\"nobody-has-this-name\"}",
              "{\"username\":\"ContainerUser\"}", "{\"username\":\"ContainerAdministrator\"}",
              "{\"username\":\"a\\\\b\\\\c\"}", "{\"username\":\"NOWHERE\\\\joe\"}", "{\"username\":\"a*b\"}",
              "{\"username\":\"..\"}", "{\"username\":\"j\\u0001oe\"}", "{\"username\":1}"),
};
static const struct pieces windows_directory = {
    .right =
        TEXTS("null", "\"C:\\\\\"", "\"C:\\\\hpc\"", "\"@/places/there\"", "\"data\"", "\"\\\\x\"", "\"\""),
    .wrong = TEXTS("7", "[\"C:\\\\\"]"),
};
static const struct pieces windows_location = {
    .right = TEXTS("null", "null", "null", "null", "\"@/places/volume\"", "\"@\\\\places\\\\there\"",
                   "\"@/places/.//x\\\\\"", "\"c:\\\\HPC\""),
    .wrong = TEXTS("\"relative\"", "\"C:\\\\\"", "\"C:\"", "\"@/places/../x\"", "\"\"", "\"/x\"",
                   "\"\\\\\\\\server\\\\share\"", "\"\\\\\\\\?\\\\C:\\\\x\"", "\"@/a:b\"", "\"@/nul\"",
                   "\"Q:\\\\hp-none\"", "\"@/x./y\"", "\"@/x /y\"", "\"@/a\\u0007\"", "\"@/places/file\"",
                   "\"@/places/file/x\"", "\"@/a?\""),
};
static const struct pieces windows_source = {
    .right = TEXTS("\"@/sources/data\"", "\"@\\\\sources\\\\file\"", "\"@/sources/data/\""),
    .wrong =
        TEXTS("\"@/sources/none\"", "\"@/socket\"", "\"\"", "null", "\"data\"", "\"\\\\\\\\.\\\\pipe\\\\x\"",
              "\"//?/pipe/x\"", "\"\\\\\\\\localhost\\\\pipe\\\\x\"", "\"@/sources/*\"", "3"),
};
static const struct pieces windows_destination = {
    .right =
        TEXTS("\"@/places/new/deep\"", "\"@\\\\places\\\\other\"", "\"@/places/there\"", "\"@/places/file\"",
              "\"C:\\\\hpc\\\\inside\"", "\"/hp-new/x\"", "\"\\\\hp-new\\\\y\"", "\"@/places/new/deep/in\""),
    .wrong = TEXTS("\"@/places/../x\"", "\"\"", "null", "\"C:\\\\\"", "\"/\"", "\"C:\\\\hpc\"",
                   "\"\\\\\\\\.\\\\pipe\\\\x\"", "\"@/places/a:b\"", "\"@/places/con\"",
                   "\"Q:\\\\hp-none\\\\x\"", "\"@/places/x.\"", "\"@/places/file/x\"", "{}"),
};
static const struct pieces windows_mount = {
    .right = TEXTS("\"type\":\"\"", "\"options\":[\"ro\"]", "\"options\":[\"rw\",\"rbind\"]"),
    .wrong = TEXTS("\"type\":1", "\"options\":\"ro\""),
};
static const struct pieces windows_memory = {
    .right = TEXTS("null", "{}", "{\"limit\":67108864}", "{\"limit\":0}"),
    .wrong = TEXTS("{\"limit\":-1}", "{\"limit\":18446744073709551615}", "{\"limit\":\"1\"}"),
};
static const struct pieces windows_cpu = {
    .right = TEXTS("null", "{\"count\":1}", "{\"count\":4096}", "{\"shares\":10000}", "{\"shares\":1}",
                   "{\"maximum\":10000}", "{\"maximum\":1}", "{\"affinity\":[{\"mask\":1,\"group\":0}]}"),
    .wrong = TEXTS("{\"count\":1,\"maximum\":5}", "{\"shares\":10001}", "{\"maximum\":10001}",
                   "{\"count\":-1}", "{\"affinity\":[1]}", "{\"affinity\":[{\"group\":65536}]}"),
};
static const struct pieces windows_storage = {
    .right = TEXTS("null", "{}", "{\"iops\":100}", "{\"bps\":1000000}", "{\"sandboxSize\":21474836480}"),
    .wrong = TEXTS("{\"iops\":-1}", "{\"bps\":\"1\"}"),
};
static const struct pieces windows_network = {
    .right = TEXTS("null", "{}", "{\"endpointList\":[],\"networkNamespace\":\"\"}"),
    .wrong = TEXTS("{\"endpointList\":[\"e\"]}", "{\"networkNamespace\":\"n\"}", "[]"),
};
static const struct pieces windows_isolation = {
    .right = TEXTS("null", "\"ignoreFlushesDuringBoot\":true", "\"credentialSpec\":null"),
    .wrong = TEXTS("\"hyperv\":{}", "\"credentialSpec\":{\"a\":1}"),
};
static const struct pieces windows_annotation = {
    .right = TEXTS("null", "null", "\"io.microsoft.container.memory.sizeinmb\":\"64\"",
                   "\"io.microsoft.container.processor.weight\":\"5\"",
                   "\"io.microsoft.container.processor.limit\":\"10000\"",
                   "\"io.microsoft.container.storage.qos.iopsmaximum\":\"100\""),
    .wrong = TEXTS("\"io.microsoft.container.memory.sizeinmb\":\"64 MB\"",
                   "\"io.microsoft.container.processor.limit\":\"10001\"",
                   "\"io.microsoft.container.processor.count\":\"-1\"", "\"x\":1"),
};

/* ---- a specification --------------------------------------------------------------------------- */

/* A text that grows; each member or element after a comma. */
static void add(char **list, char *text) {
  char *longer = *list ? hp_printf("%s,%s", *list, text) : hp_strdup(text);
  free(*list);
  free(text);
  *list = longer;
}

static void add_member(struct generator *g, char **list, const char *key, const struct pieces *pieces) {
  const char *value = piece(g, pieces);
  if (strcmp(value, "null") != 0 || generator_pick(g, 4) == 0) /* null is absent */
    add(list, hp_printf("\"%s\":%s", key, value));
}

/* Pieces that are whole members. */
static void add_members(struct generator *g, char **list, const struct pieces *pieces) {
  const char *members = piece(g, pieces);
  if (strcmp(members, "null") != 0)
    add(list, hp_strdup(members));
}

static char *object(char *members) {
  char *text = hp_printf("{%s}", members ? members : "");
  free(members);
  return text;
}

static const struct pieces *pick_for(const struct generator *g, const struct pieces *of_linux,
                                     const struct pieces *of_windows) {
  return g->os == HP_OS_LINUX ? of_linux : of_windows;
}

static char *make_annotations(struct generator *g, enum hp_role role) {
  char *list = NULL;
  add_member(g, &list, HP_ANNOTATION_HOSTPROCESS, &hostprocess);
  add_member(g, &list, HP_ANNOTATION_INHERIT_USER, &inherit_user);
  add_member(g, &list, HP_ANNOTATION_MOUNT_BEHAVIOR, &mount_behavior);
  add_member(g, &list, HP_ANNOTATION_ROOTFS_LOCATION, pick_for(g, &linux_location, &windows_location));
  if (g->os == HP_OS_WINDOWS)
    add_members(g, &list, &windows_annotation);
  if (role != HP_ROLE_SINGLE)
    add(&list, hp_printf("\"" HP_ANNOTATION_CONTAINER_TYPE "\":\"%s\"",
                         role == HP_ROLE_SANDBOX ? "sandbox" : "container"));
  if (role == HP_ROLE_MEMBER)
    add(&list, hp_strdup("\"" HP_ANNOTATION_SANDBOX_ID "\":\"sandbox\""));
  return object(list);
}

static char *make_process(struct generator *g) {
  char *list = NULL;
  add_member(g, &list, "args", &arguments);
  add_member(g, &list, "env", &environment);
  add_member(g, &list, "terminal", &terminal);
  add_member(g, &list, "oomScoreAdj", &numbers);
  add_member(g, &list, "cwd", pick_for(g, &linux_directory, &windows_directory));
  add_member(g, &list, "user", pick_for(g, &linux_user, &windows_user));
  return object(list);
}

/* The shorter begins the longer, quotes left out. */
static bool one_in_the_other(const char *a, const char *b) {
  size_t shorter = strlen(a) < strlen(b) ? strlen(a) : strlen(b);
  return shorter > 0 && strncmp(a, b, shorter - 1) == 0;
}

/* On Linux one that lies in another is made in what that one mounts: whether that
 * can be, is seen there. */
static void add_destination(struct generator *g, char **mount, const char **others, unsigned count) {
  others[count] = piece(g, pick_for(g, &linux_destination, &windows_destination));
  for (unsigned i = 0; i < count; i++)
    g->late |= g->os == HP_OS_LINUX && one_in_the_other(others[i], others[count]);
  if (strcmp(others[count], "null") != 0)
    add(mount, hp_printf("\"destination\":%s", others[count]));
}

static char *make_mounts(struct generator *g) {
  const char *destinations[MOUNTS_MAX];
  char *list = NULL;
  unsigned count = generator_pick(g, MOUNTS_MAX + 1);
  for (unsigned i = 0; i < count; i++) {
    char *mount = NULL;
    add_member(g, &mount, "source", pick_for(g, &linux_source, &windows_source));
    add_destination(g, &mount, destinations, i);
    add_members(g, &mount, pick_for(g, &linux_mount, &windows_mount));
    add(&list, object(mount));
  }
  char *text = hp_printf("[%s]", list ? list : "");
  free(list);
  return text;
}

static char *make_linux(struct generator *g) {
  char *list = NULL, *limits = NULL;
  add_member(g, &limits, "memory", &linux_memory);
  add_member(g, &limits, "cpu", &linux_cpu);
  add_member(g, &limits, "pids", &linux_pids);
  add_member(g, &limits, "blockIO", &linux_block);
  add_member(g, &list, "namespaces", &linux_namespaces);
  add_member(g, &list, "cgroupsPath", &linux_cgroup);
  char *resources = object(limits);
  add(&list, hp_printf("\"resources\":%s", resources));
  free(resources);
  return object(list);
}

static char *make_windows(struct generator *g) {
  char *list = NULL, *limits = NULL;
  add_member(g, &limits, "memory", &windows_memory);
  add_member(g, &limits, "cpu", &windows_cpu);
  add_member(g, &limits, "storage", &windows_storage);
  add_member(g, &list, "network", &windows_network);
  add_members(g, &list, &windows_isolation);
  char *resources = object(limits);
  add(&list, hp_printf("\"resources\":%s", resources));
  free(resources);
  return object(list);
}

/* Something other in the place of one of the members; not of root, which only
 * Create can see. */
static void spoil(struct generator *g, json_t *spec) {
  json_t *at = spec, *parent = NULL;
  const char *key = NULL;
  while (json_object_size(at) > 0 && (at == spec || generator_pick(g, 3) > 0)) {
    void *member = json_object_iter(at);
    for (unsigned skip = generator_pick(g, (unsigned)json_object_size(at)); skip > 0; skip--)
      member = json_object_iter_next(at, member);
    if (strcmp(json_object_iter_key(member), "root") == 0)
      return;
    parent = at;
    key = json_object_iter_key(member);
    at = json_object_iter_value(member);
  }
  json_t *const others[] = {json_null(),  json_true(),   json_integer(-7),
                            json_array(), json_object(), json_string("\xf0\x9f\x98\x80")};
  json_t *other = others[generator_pick(g, sizeof others / sizeof others[0])];
  if (parent)
    json_object_set(parent, key, other);
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    json_decref(others[i]);
}

/* The text with what its marks stand for. */
static char *fill_in(const struct generator *g, const char *text) {
  char *result = hp_strdup("");
  for (const char *rest = text, *at; *rest; rest = at + (*at != 0)) {
    at = rest + strcspn(rest, "@#");
    char *longer = hp_printf("%s%.*s%s", result, (int)(at - rest), rest,
                             *at == '@'   ? g->scratch
                             : *at == '#' ? g->token
                                          : "");
    free(result);
    result = longer;
  }
  return result;
}

static char *finish(struct generator *g, const char *pieces) {
  json_error_t why;
  char *text = fill_in(g, pieces);
  json_t *spec = json_loads(text, 0, &why);
  ck_assert_msg(spec || strncmp(why.text, "too big", 7) == 0, "%s: %s", why.text, text);
  if (spec && generator_pick(g, 12) == 0) {
    spoil(g, spec);
    free(text);
    text = json_dumps(spec, JSON_COMPACT);
  }
  json_decref(spec);
  return text;
}

char *generate_config(struct generator *g, enum hp_role role) {
  g->late = false;
  char *annotations = make_annotations(g, role), *process = make_process(g), *mounts = make_mounts(g),
       *section = g->os == HP_OS_LINUX ? make_linux(g) : make_windows(g);
  const char *root = piece(g, &root_of_image);
  char *text =
      hp_printf("{\"ociVersion\":\"1.1.0\",\"annotations\":%s,\"process\":%s,\"mounts\":%s,\"root\":%s,"
                "\"%s\":%s}",
                annotations, process, mounts, root, g->os == HP_OS_LINUX ? "linux" : "windows", section);
  free(annotations);
  free(process);
  free(mounts);
  free(section);
  char *config = finish(g, text);
  free(text);
  return config;
}

/* ---- a pod of the CRI ------------------------------------------------------------------------ */

static const struct pieces linux_pod = {
    .right = TEXTS(
        "{\"security_context\":{\"namespace_options\":{\"network\":2}}}",
        "{\"security_context\":{\"namespace_options\":{\"network\":\"NODE\",\"pid\":1}}}",
        "{\"cgroup_parent\":\"/hp-#/pod\",\"securityContext\":{\"namespaceOptions\":{\"network\":2}}}", "{}"),
    .wrong = TEXTS(
        "{\"security_context\":{\"namespace_options\":{}}}", "{\"cgroup_parent\":1}",
        "{\"security_context\":{\"namespace_options\":{\"network\":7}}}", "[]",
        "{\"security_context\":{\"namespace_options\":{\"network\":2,\"userns_options\":{\"mode\":0}}}}"),
};
static const struct pieces windows_pod = {
    .right = TEXTS("{\"security_context\":{\"host_process\":true}}",
                   "{\"security_context\":{\"host_process\":true,\"run_as_username\":\"SYSTEM\"}}",
                   "{\"securityContext\":{\"hostProcess\":true,\"namespaceOptions\":{\"network\":2}}}", "{}"),
    .wrong = TEXTS("{\"security_context\":{\"host_process\":false}}", "{\"security_context\":{}}",
                   "{\"security_context\":{\"host_process\":\"x\"}}", "[]",
                   "{\"security_context\":{\"host_process\":true,\"namespace_options\":{\"network\":0}}}"),
};

char *generate_pod_config(struct generator *g) {
  g->late = false;
  char *annotations = make_annotations(g, HP_ROLE_SINGLE);
  const char *section = piece(g, pick_for(g, &linux_pod, &windows_pod));
  char *text = hp_printf("{\"metadata\":{\"name\":\"p\"},\"annotations\":%s,\"%s\":%s}", annotations,
                         g->os == HP_OS_LINUX ? "linux" : "windows", section);
  free(annotations);
  char *config = finish(g, text);
  free(text);
  return config;
}

/* ---- a policy --------------------------------------------------------------------------------- */

char *generate_policy(struct generator *g) {
  static const char *const policies[] = {
      "{\"hostProcess\":\"assume\"}",
      "{\"inheritUser\":false,\n\"mountBehavior\":\"symlink\"}",
      "{\"mountBehavior\":\"bind\"}",
      "{\"accounts\":[\"SYSTEM\",\"hpc-group\",\":5\"]}",
      "{\"rootfsLocations\":[\"@/places\"]}",
      "{\"limits\":{\"memory\":67108864}}",
      "{\"limits\":{\"cpu\":1}}",
      "{\"limits\":{\"storage\":1073741824}}",
      NULL,
  };
  return fill_in(g, generator_pick(g, 3) > 0 ? "{}" : one_of(g, policies));
}

/* ---- files --------------------------------------------------------------------------------------- */

static const char *const trees[] = {"bundle", "member", "sources", "places"};
#define TREES (sizeof trees / sizeof trees[0])

static void make(const struct generator *g, const char *name, bool directory) {
  char *path = hp_printf("%s/%s", g->scratch, name);
  if (directory)
    unit_make_directory(path);
  else
    unit_write(path, "text", 4);
  free(path);
}

void generator_lay_out(const struct generator *g) {
  static const char *const directories[] = {"bundle",  "bundle/rootfs", "member", "member/rootfs",
                                            "sources", "sources/data",  "places", "places/there"};
  for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++)
    make(g, directories[i], true);
  make(g, "sources/file", false);
  make(g, "places/file", false);
}

static void remove_tree(const char *path) {
  uv_fs_t call;
  uv_dirent_t entry;
  if (uv_fs_scandir(NULL, &call, path, 0, NULL) >= 0)
    while (uv_fs_scandir_next(&call, &entry) != UV_EOF) {
      char *child = hp_printf("%s/%s", path, entry.name);
      if (entry.type == UV_DIRENT_DIR)
        remove_tree(child);
      else
        unit_remove(child);
      free(child);
    }
  uv_fs_req_cleanup(&call);
  unit_remove_directory(path);
}

void generator_clear_away(const struct generator *g) {
  for (size_t i = 0; i < TREES; i++) {
    char *path = hp_printf("%s/%s", g->scratch, trees[i]);
    remove_tree(path);
    free(path);
  }
}

void generator_list_tree(const char *path, struct hp_strings *lines) {
  uv_fs_t scan, look;
  uv_dirent_t entry;
  bool there = uv_fs_lstat(NULL, &look, path, NULL) == 0;
  unsigned type = (unsigned)look.statbuf.st_mode & S_IFMT;
  uv_fs_req_cleanup(&look);
  if (!there)
    return;
  hp_strings_take(lines, hp_printf("%s (%o)", path, type));
  if (type != S_IFDIR)
    return;
  if (uv_fs_scandir(NULL, &scan, path, 0, NULL) >= 0)
    while (uv_fs_scandir_next(&scan, &entry) != UV_EOF) {
      char *child = hp_printf("%s/%s", path, entry.name);
      generator_list_tree(child, lines);
      free(child);
    }
  uv_fs_req_cleanup(&scan);
}

void generator_list(const struct generator *g, struct hp_strings *lines) {
  for (size_t i = 0; i < TREES; i++) {
    char *path = hp_printf("%s/%s", g->scratch, trees[i]);
    generator_list_tree(path, lines);
    free(path);
  }
}
