/* -info for machines, -v for people. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/input.h"
#include "containerd/types/introspection.pb-c.h"
#include "spec/spec.h"

#define RUNTIME_NAME "io.containerd.hostprocess.v1"
#define FEATURES_TYPE "types.containerd.io/opencontainers/runtime-spec/1/features/Features"

#if !defined(HP_REVISION) /* the build of a source archive has none */
#define HP_REVISION ""
#endif

/* A process of the host has no namespaces, capabilities or security profiles. */
static json_t *linux_features(void) {
  json_t *off = json_pack("{s:b}", "enabled", 0);
  json_t *linux_part =
      json_pack("{s:[], s:[], s:{s:b, s:b, s:b, s:b, s:b}, s:O, s:O, s:O, s:{s:O}}", "namespaces",
                "capabilities", "cgroup", "v1", 1, "v2", 1, "systemd", 0, "systemdUser", 0, "rdma", 0,
                "seccomp", off, "apparmor", off, "selinux", off, "mountExtensions", "idmap", off);
  json_decref(off);
  return linux_part;
}

/* The OCI runtime-spec's Features: what of a config.json has an effect. */
static json_t *features(void) {
  json_t *all = json_pack("{s:s, s:s, s:[], s:[s,s,s,s]}", "ociVersionMin", "1.0.0", "ociVersionMax", "1.2.1",
                          "hooks", "mountOptions", "bind", "rbind", "ro", "rw");
  if (hp_os_here() == HP_OS_LINUX)
    json_object_set_new(all, "linux", linux_features());
  return all;
}

static int write_info(Google__Protobuf__Any *options) {
  json_t *all = features();
  char *json = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref(all);
  if (!json) {
    fputs(HP_PROGRAM ": info: out of memory\n", stderr);
    return EXIT_FAILURE;
  }
  Containerd__Types__RuntimeVersion version = CONTAINERD__TYPES__RUNTIME_VERSION__INIT;
  version.version = (char *)HP_VERSION;
  version.revision = (char *)HP_REVISION;
  Google__Protobuf__Any feature_any = GOOGLE__PROTOBUF__ANY__INIT;
  feature_any.type_url = (char *)FEATURES_TYPE;
  feature_any.value = (ProtobufCBinaryData){strlen(json), (uint8_t *)json};
  Containerd__Types__RuntimeInfo info = CONTAINERD__TYPES__RUNTIME_INFO__INIT;
  info.name = (char *)RUNTIME_NAME;
  info.version = &version;
  info.options = options;
  info.features = &feature_any;

  size_t length = protobuf_c_message_get_packed_size(&info.base);
  uint8_t *packed = hp_alloc(length);
  protobuf_c_message_pack(&info.base, packed);
  bool written = fwrite(packed, 1, length, stdout) == length && fflush(stdout) == 0;
  if (!written)
    fputs(HP_PROGRAM ": info: cannot write to standard output\n", stderr);
  free(packed);
  free(json);
  return written ? EXIT_SUCCESS : EXIT_FAILURE;
}

int hp_cli_info(const struct hp_flags *flags) {
  (void)flags; /* containerd gives no other */
  struct hp_error err = HP_ERROR_INIT;
  uint8_t *input = NULL;
  size_t length = 0;
  Google__Protobuf__Any *options = NULL;
  int status = EXIT_FAILURE;
  if (hp_input_read(false, &input, &length, &err) != 0)
    goto done;
  if (length > 0 && !(options = google__protobuf__any__unpack(NULL, length, input))) {
    hp_error_set(&err, HP_INVALID_ARGUMENT,
                 "standard input (%zu bytes) is not a google.protobuf.Any with runtime options", length);
    goto done;
  }
  status = write_info(options);
done:
  if (err.message)
    fprintf(stderr, HP_PROGRAM ": info: %s\n", err.message);
  if (options)
    google__protobuf__any__free_unpacked(options, NULL);
  free(input);
  hp_error_clear(&err);
  return status;
}

int hp_cli_info_text(const struct hp_call *call) {
  if (hp_call_no_operands(call) != 0)
    return HP_STATUS_USAGE;
  json_t *all = json_pack("{s:s, s:s, s:s, s:o}", "name", RUNTIME_NAME, "version", HP_VERSION, "revision",
                          HP_REVISION, "features", features());
  int failed = all ? json_dumpf(all, stdout, JSON_INDENT(2)) : -1;
  if (failed == 0)
    putchar('\n');
  json_decref(all);
  return failed ? EXIT_FAILURE : hp_cli_flush();
}

int hp_cli_version(const struct hp_call *call) {
  if (call && hp_call_no_operands(call) != 0)
    return HP_STATUS_USAGE;
  printf(HP_PROGRAM ":\n  Version:  %s\n", HP_VERSION);
  if (HP_REVISION[0])
    printf("  Revision: %s\n", HP_REVISION);
  return hp_cli_flush();
}
