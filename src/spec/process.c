/* The OCI process object: of a container, and of an Exec request. */
#include <stdlib.h>
#include <string.h>

#include "spec/read.h"
#include "spec/text.h"

#define ADDITIONAL_GIDS_MAX 65536u /* NGROUPS_MAX */
#define CONSOLE_MAX 65535          /* struct winsize, COORD */

#define RLIMIT_TYPES 16u

static bool is_rlimit(const char *type) {
  return strncmp(type, "RLIMIT_", 7) == 0 &&
         hp_text_is_among(type + 7,
                          "AS\0CORE\0CPU\0DATA\0FSIZE\0LOCKS\0MEMLOCK\0MSGQUEUE\0NICE\0NOFILE\0NPROC\0RSS\0"
                          "RTPRIO\0RTTIME\0SIGPENDING\0STACK\0");
}

static int read_rlimit(const struct hp_json *at, struct hp_process_spec *out, struct hp_error *err) {
  struct hp_json type_at = hp_json_at(at, "type"), soft_at = hp_json_at(at, "soft");
  struct hp_rlimit limit = {0};
  if (hp_json_object(*at, err) != 0)
    return -1;
  if (!json_is_string(type_at.value) || !is_rlimit(json_string_value(type_at.value)))
    return hp_json_refuse(&type_at, err, "the name of a resource limit such as RLIMIT_NOFILE");
  if (hp_json_uint64(soft_at, &limit.soft, err) != 0 ||
      hp_json_uint64(hp_json_at(at, "hard"), &limit.hard, err) != 0)
    return -1;
  if (limit.soft > limit.hard)
    return hp_json_refuse(&soft_at, err, "at most the hard limit beside it");
  for (size_t i = 0; i < out->rlimit_count; i++)
    if (strcmp(out->rlimits[i].type, json_string_value(type_at.value)) == 0)
      return hp_json_refuse(&type_at, err, "given once: another entry has the same type");
  limit.type = hp_strdup(json_string_value(type_at.value));
  out->rlimits[out->rlimit_count++] = limit;
  return 0;
}

static int read_rlimits(struct hp_json at, struct hp_process_spec *out, struct hp_error *err) {
  if (hp_json_array(at, err) != 0)
    return -1;
  size_t count = hp_json_count(&at);
  if (count > 0)
    out->rlimits = hp_alloc(RLIMIT_TYPES * sizeof *out->rlimits); /* each type once */
  for (size_t i = 0; i < count; i++) {
    struct hp_json item = hp_json_element(&at, i);
    if (read_rlimit(&item, out, err) != 0)
      return -1;
  }
  return 0;
}

int hp_gids_read(struct hp_json gids, struct hp_process_spec *out, struct hp_error *err) {
  if (hp_json_array(gids, err) != 0)
    return -1;
  size_t count = hp_json_count(&gids);
  if (count > ADDITIONAL_GIDS_MAX)
    return hp_json_refuse(&gids, err, "a list of at most 65536 groups");
  if (count > 0)
    out->additional_gids = hp_alloc(count * sizeof *out->additional_gids);
  for (size_t i = 0; i < count; i++) {
    struct hp_json item = hp_json_element(&gids, i);
    if (!json_is_integer(item.value))
      return hp_json_refuse(&item, err, "an integer from 0 to 4294967294");
    if (hp_json_id(item, &out->additional_gids[i], err) != 0)
      return -1;
    out->additional_gid_count = i + 1;
  }
  return 0;
}

static int read_user(struct hp_json at, struct hp_process_spec *out, struct hp_error *err) {
  if (hp_json_object(at, err) != 0 || hp_json_string(hp_json_at(&at, "username"), &out->username, err) != 0 ||
      hp_json_id(hp_json_at(&at, "uid"), &out->uid, err) != 0 ||
      hp_json_id(hp_json_at(&at, "gid"), &out->gid, err) != 0)
    return -1;
  return hp_gids_read(hp_json_at(&at, "additionalGids"), out, err);
}

static int read_console(struct hp_json at, struct hp_process_spec *out, struct hp_error *err) {
  struct hp_number rows = {0}, columns = {0};
  if (hp_json_object(at, err) != 0 ||
      hp_json_number(hp_json_at(&at, "height"), 0, CONSOLE_MAX, &rows, err) != 0 ||
      hp_json_number(hp_json_at(&at, "width"), 0, CONSOLE_MAX, &columns, err) != 0)
    return -1;
  out->rows = (unsigned)rows.value;
  out->columns = (unsigned)columns.value;
  return 0;
}

static int read_environment(struct hp_json at, struct hp_process_spec *out, struct hp_error *err) {
  if (hp_json_strings(at, &out->env, err) != 0)
    return -1;
  for (size_t i = 0; i < out->env.count; i++) {
    const char *equals = strchr(out->env.items[i], '=');
    struct hp_json item = hp_json_element(&at, i);
    if (!equals || equals == out->env.items[i])
      return hp_json_refuse(&item, err, "NAME=value");
  }
  return 0;
}

int hp_process_read(const struct hp_json *process, struct hp_process_spec *out, struct hp_error *err) {
  if (hp_json_object(*process, err) != 0 ||
      hp_json_strings(hp_json_at(process, "args"), &out->args, err) != 0 ||
      hp_json_string(hp_json_at(process, "commandLine"), &out->command_line, err) != 0 ||
      read_environment(hp_json_at(process, "env"), out, err) != 0 ||
      hp_json_string(hp_json_at(process, "cwd"), &out->cwd, err) != 0 ||
      hp_json_bool(hp_json_at(process, "terminal"), &out->terminal, err) != 0 ||
      read_console(hp_json_at(process, "consoleSize"), out, err) != 0 ||
      read_user(hp_json_at(process, "user"), out, err) != 0 ||
      read_rlimits(hp_json_at(process, "rlimits"), out, err) != 0 ||
      hp_json_number(hp_json_at(process, "oomScoreAdj"), -1000, 1000, &out->oom_score_adj, err) != 0 ||
      hp_json_bool(hp_json_at(process, "noNewPrivileges"), &out->no_new_privileges, err) != 0)
    return -1;
  return 0;
}

void hp_process_list_ignored(const struct hp_json *process, struct hp_strings *ignored) {
  static const char *const keys[] = {"capabilities", "apparmorProfile", "selinuxLabel",
                                     "scheduler",    "ioPriority",      "execCPUAffinity"};
  hp_list_wanted(process, keys, sizeof keys / sizeof keys[0], ignored);
}

int hp_process_spec_parse(const char *data, size_t length, struct hp_process_spec *process,
                          struct hp_error *err) {
  *process = (struct hp_process_spec){0};
  json_t *tree = hp_json_load("the process specification", data, length, HP_CONFIG_MAX, err);
  if (!tree)
    return -1;
  struct hp_json root = hp_json_root("process", tree);
  int result = root.value ? hp_process_read(&root, process, err) : hp_json_refuse(&root, err, "an object");
  json_decref(tree);
  if (result != 0)
    hp_process_spec_clear(process);
  return result;
}

/* An allocation of its own costs that much at least. */
#define ALLOCATION_BYTES 32

static size_t text_bytes(const char *text) {
  return text ? strlen(text) + ALLOCATION_BYTES : 0;
}

static size_t list_bytes(const struct hp_strings *list) {
  size_t bytes = list->count * sizeof *list->items;
  for (size_t i = 0; i < list->count; i++)
    bytes += text_bytes(list->items[i]);
  return bytes;
}

size_t hp_process_spec_bytes(const struct hp_process_spec *process) {
  return sizeof *process + list_bytes(&process->args) + list_bytes(&process->env) +
         text_bytes(process->command_line) + text_bytes(process->cwd) + text_bytes(process->username) +
         process->additional_gid_count * sizeof *process->additional_gids +
         process->rlimit_count * (sizeof *process->rlimits + ALLOCATION_BYTES);
}

void hp_process_spec_clear(struct hp_process_spec *process) {
  hp_strings_clear(&process->args);
  hp_strings_clear(&process->env);
  free(process->command_line);
  free(process->cwd);
  free(process->username);
  free(process->additional_gids);
  for (size_t i = 0; i < process->rlimit_count; i++)
    free(process->rlimits[i].type);
  free(process->rlimits);
  *process = (struct hp_process_spec){0};
}
