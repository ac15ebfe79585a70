/* Bytes → what they are → an entry of the report. */
#include <stdlib.h>
#include <string.h>

#include "cli/validate.h"
#include "spec/cri.h"
#include "spec/read.h"

static const char *const verdicts[] = {"accepted", "refused", "unreadable"};

static enum hp_validate_status status_of(const json_t *entry) {
  const char *verdict = json_string_value(json_object_get(entry, "verdict"));
  for (int i = 0; verdict && i < HP_VALIDATE_UNREADABLE; i++)
    if (strcmp(verdict, verdicts[i]) == 0)
      return (enum hp_validate_status)i;
  return HP_VALIDATE_UNREADABLE;
}

enum hp_validate_status hp_validate_worst(const json_t *entries) {
  enum hp_validate_status worst = HP_VALIDATE_ACCEPTED;
  for (size_t i = 0; i < json_array_size(entries); i++) {
    enum hp_validate_status status = status_of(json_array_get(entries, i));
    if (status > worst)
      worst = status;
  }
  return worst;
}

const char *hp_validate_verdict(enum hp_validate_status status) {
  return verdicts[status];
}

enum hp_validate_status hp_validate_status(const json_t *report) {
  return status_of(report);
}

json_t *hp_validate_report(json_t *files) {
  return json_pack("{s:s, s:o}", "verdict", verdicts[hp_validate_worst(files)], "files", files);
}

/* A file's name may hold any bytes. */
static json_t *name_of(const char *file) {
  json_t *name = json_string(file);
  return name ? name : json_string("(a name that is not UTF-8)");
}

json_t *hp_validate_unreadable(const char *file, const struct hp_error *err) {
  return json_pack("{s:o, s:s, s:o}", "file", name_of(file), "verdict", verdicts[HP_VALIDATE_UNREADABLE],
                   "error", hp_entry_text(err->message));
}

/* ---- what a document is -------------------------------------------------------- */

enum format { MANIFEST, OCI, POD_CONFIG, CONTAINER_CONFIG, FORMATS };
static const char *const format_names[] = {"manifest", "config.json", "PodSandboxConfig", "ContainerConfig"};

static bool has_any(const json_t *document, const char *const *keys) {
  for (; *keys; keys++)
    if (json_object_get(document, *keys))
      return true;
  return false;
}

static enum format format_of(const json_t *document) {
  static const char *const oci[] = {"ociVersion", "process", "root", "solaris", NULL};
  static const char *const container[] = {"image",  "command",  "args",    "envs",
                                          "mounts", "log_path", "logPath", NULL};
  static const char *const cri[] = {"metadata", "log_directory", "logDirectory", "linux", "windows", NULL};
  if (json_object_get(document, "kind"))
    return MANIFEST;
  if (has_any(document, oci))
    return OCI;
  if (has_any(document, container))
    return CONTAINER_CONFIG;
  return has_any(document, cri) ? POD_CONFIG : FORMATS;
}

/* ---- one document each -------------------------------------------------------------- */

struct reader {
  struct hp_validate *validate;
  json_t *pods, *ignored; /* of the file's entry */
  enum format format;     /* of the last document */
  size_t line;            /* where it begins */
};

/* A manifest is read for Windows. */
static enum hp_os os_of(const struct hp_validate *validate, json_t *document) {
  struct hp_json root = hp_json_root("", document);
  if (validate->has_os)
    return validate->os;
  if (json_object_get(document, "kind"))
    return validate->on_this_node ? hp_os_here() : HP_OS_WINDOWS;
  return hp_os_of(&root);
}

static int read_manifest(struct reader *reader, json_t *document, const struct hp_yaml *yaml,
                         struct hp_error *err) {
  const struct hp_validate *validate = reader->validate;
  enum hp_os os = os_of(validate, document);
  struct hp_pods pods = {0};
  int result = hp_pods_read(os, document, yaml, &pods, err);
  for (size_t i = 0; i < pods.count && result == 0; i++)
    json_array_append_new(reader->pods,
                          hp_validate_pod(validate, os, &pods.items[i], &pods.items[i].sandbox));
  for (size_t i = 0; i < pods.others.count && result == 0; i++)
    json_array_append_new(reader->ignored, hp_entry_text(pods.others.items[i]));
  hp_pods_clear(&pods);
  return result;
}

static void judge_config(struct reader *reader, enum hp_os os, struct hp_container_spec *spec) {
  struct hp_validate *validate = reader->validate;
  struct hp_pod_spec pod = {.kind = (char *)format_names[reader->format]}; /* read only */
  struct hp_pod_container container = {.spec = *spec};                     /* lent for the while */
  const struct hp_container_spec *sandbox = NULL;
  if (spec->role == HP_ROLE_SANDBOX) {
    pod.sandbox = *spec;
    sandbox = &pod.sandbox;
  } else {
    pod.containers = &container;
    pod.container_count = 1;
    if (reader->format == CONTAINER_CONFIG && validate->has_pod)
      sandbox = &validate->pod;
  }
  if (spec->image_program)
    hp_strings_add(&container.open, "command is absent: the program is the image's ENTRYPOINT");
  json_array_append_new(reader->pods, hp_validate_pod(validate, os, &pod, sandbox));
  hp_strings_clear(&container.open);
  *spec = spec->role == HP_ROLE_SANDBOX ? pod.sandbox : container.spec;
}

static int read_config(struct reader *reader, json_t *document, const char *data, size_t length,
                       struct hp_error *err) {
  struct hp_validate *validate = reader->validate;
  struct hp_container_spec spec;
  enum hp_os os = os_of(validate, document);
  int result = reader->format == OCI          ? hp_spec_parse(data, length, &os, &spec, err)
               : reader->format == POD_CONFIG ? hp_cri_pod_parse(data, length, &os, &spec, err)
                                              : hp_cri_container_parse(data, length, &os, &spec, err);
  if (result != 0)
    return result;
  judge_config(reader, os, &spec);
  if (reader->format != POD_CONFIG) {
    hp_spec_clear(&spec);
    return 0;
  }
  if (validate->has_pod)
    hp_spec_clear(&validate->pod);
  validate->pod = spec;
  validate->has_pod = true;
  return 0;
}

/* A field that says nothing a container could be made of is what Create refuses, too;
 * the documents behind it are judged nevertheless. */
static int refuse_document(struct reader *reader, json_t *document, struct hp_error *err) {
  if (err->code != HP_INVALID_ARGUMENT)
    return -1;
  const char *kind = json_string_value(json_object_get(document, "kind"));
  const char *name = json_string_value(json_object_get(json_object_get(document, "metadata"), "name"));
  json_array_append_new(reader->pods, hp_validate_refused(os_of(reader->validate, document),
                                                          kind ? kind : format_names[reader->format], name,
                                                          reader->line, err->message));
  hp_error_clear(err);
  return 0;
}

/* data: the document itself, or NULL where it stands among others in YAML. */
static int read_document(struct reader *reader, json_t *document, const struct hp_yaml *yaml,
                         const char *data, size_t length, struct hp_error *err) {
  reader->format = format_of(document);
  if (reader->format == FORMATS)
    return hp_error_set(
        err, HP_INVALID_ARGUMENT,
        "this is neither a Kubernetes manifest (it has no kind), nor an OCI config.json, nor a "
        "PodSandboxConfig or ContainerConfig of the CRI");
  char *text = data || reader->format == MANIFEST ? NULL : json_dumps(document, JSON_COMPACT);
  int result = reader->format == MANIFEST ? read_manifest(reader, document, yaml, err)
               : data                     ? read_config(reader, document, data, length, err)
                                          : read_config(reader, document, text, strlen(text), err);
  free(text);
  return result == 0 ? 0 : refuse_document(reader, document, err);
}

/* ---- a file ---------------------------------------------------------------------------- */

/* Where the next thing stands that is no space; *lines grows by what was passed. */
static size_t pass_space(const char *data, size_t length, size_t *lines) {
  size_t i = 0;
  for (; i < length && data[i] && strchr(" \t\r\n", data[i]); i++)
    *lines += data[i] == '\n';
  return i;
}

static bool looks_like_json(const char *data, size_t length) {
  size_t lines = 0, i = pass_space(data, length, &lines);
  return i < length && (data[i] == '{' || data[i] == '[');
}

static int read_one(struct reader *reader, const char *data, size_t length, struct hp_error *err) {
  json_t *document = hp_json_load("the file", data, length, HP_CONFIG_MAX, err);
  int result = document ? read_document(reader, document, NULL, data, length, err) : -1;
  json_decref(document);
  return result;
}

/* Documents one after the other, as crictl and kubectl print them. */
static int read_json(struct reader *reader, const char *data, size_t length, struct hp_error *err) {
  size_t line = 1, at = 0;
  if (length > HP_CONFIG_MAX)
    return read_one(reader, data, length, err); /* which says so */
  while (at < length) {
    size_t size = hp_json_first(data + at, length - at), begin = line;
    reader->line = begin;
    if (read_one(reader, data + at, size, err) != 0)
      return begin > 1 ? hp_error_wrap(err, "the document at line %zu", begin) : -1;
    for (size_t i = at; i < at + size; i++)
      line += data[i] == '\n';
    at += size;
    at += pass_space(data + at, length - at, &line);
  }
  return 0;
}

static int read_yaml(struct reader *reader, const char *data, size_t length, struct hp_error *err) {
  struct hp_yaml yaml;
  if (hp_yaml_load("the file", data, length, &yaml, err) != 0)
    return -1;
  int result = 0;
  for (size_t i = 0; i < json_array_size(yaml.documents) && result == 0; i++) {
    json_t *document = json_array_get(yaml.documents, i);
    reader->line = hp_yaml_line(&yaml, document);
    result = read_document(reader, document, &yaml, NULL, 0, err);
    if (result != 0 && reader->line > 1)
      hp_error_wrap(err, "the document at line %zu", reader->line);
  }
  hp_yaml_clear(&yaml);
  return result;
}

json_t *hp_validate_bytes(struct hp_validate *validate, const char *file, const char *data, size_t length) {
  struct hp_error err = HP_ERROR_INIT;
  struct reader reader = {.validate = validate, .pods = json_array(), .ignored = json_array()};
  int result = looks_like_json(data, length) ? read_json(&reader, data, length, &err)
                                             : read_yaml(&reader, data, length, &err);
  if (result == 0 && json_array_size(reader.pods) == 0)
    result = hp_error_set(&err, HP_INVALID_ARGUMENT, "there is no pod and no container in it");
  json_t *entry =
      result == 0 ? json_pack("{s:o, s:s, s:s}", "file", name_of(file), "verdict",
                              verdicts[hp_validate_worst(reader.pods)], "format", format_names[reader.format])
                  : hp_validate_unreadable(file, &err);
  if (json_array_size(reader.ignored) > 0)
    json_object_set(entry, "ignored", reader.ignored);
  if (result == 0)
    json_object_set(entry, "pods", reader.pods);
  json_decref(reader.pods);
  json_decref(reader.ignored);
  hp_error_clear(&err);
  return entry;
}

void hp_validate_clear(struct hp_validate *validate) {
  hp_policy_clear(&validate->policy);
  if (validate->has_pod)
    hp_spec_clear(&validate->pod);
  validate->has_pod = false;
}
