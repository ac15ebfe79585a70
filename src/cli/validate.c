/* The verb: options, files, exit status. */
#include "cli/validate.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/input.h"
#include "host/host.h"
#include "spec/read.h"

static json_t *judge_stdin(struct hp_validate *validate) {
  static const char name[] = "(standard input)";
  struct hp_error err = HP_ERROR_INIT;
  uint8_t *data = NULL;
  size_t length = 0;
  json_t *entry = hp_input_read(true, &data, &length, &err) == 0
                      ? hp_validate_bytes(validate, name, data ? (char *)data : "", length)
                      : hp_validate_unreadable(name, &err);
  free(data);
  hp_error_clear(&err);
  return entry;
}

static json_t *judge_file(struct hp_validate *validate, const char *path) {
  struct hp_error err = HP_ERROR_INIT;
  char *data = NULL;
  size_t length = 0;
  json_t *entry = hp_file_read("the file", path, HP_CONFIG_MAX, NULL, &data, &length, &err) == 0
                      ? hp_validate_bytes(validate, path, data, length)
                      : hp_validate_unreadable(path, &err);
  free(data);
  hp_error_clear(&err);
  return entry;
}

static int read_os(const struct hp_call *call, struct hp_validate *validate) {
  const char *os = hp_call_option(call, "os");
  if (!os)
    return 0;
  validate->has_os = true;
  if (strcmp(os, "windows") == 0)
    validate->os = HP_OS_WINDOWS;
  else if (strcmp(os, "linux") == 0)
    validate->os = HP_OS_LINUX;
  else {
    fprintf(stderr, HP_PROGRAM ": option --os has the value \"%.32s\": use windows or linux\n", os);
    return -1;
  }
  if (!validate->on_this_node || validate->os == hp_os_here())
    return 0;
  fprintf(stderr, HP_PROGRAM ": options --on-this-node and --os %s do not go together: this node is none\n",
          os);
  return -1;
}

/* Without a policy to go by, and no node to ask for its own: the built-in one.
 * Whoever may have written the file: it is the caller's to name. */
static int read_policy(const struct hp_call *call, struct hp_validate *validate) {
  const char *path = hp_call_option(call, "policy");
  struct hp_error err = HP_ERROR_INIT;
  int result = 0;
  if (path)
    result = hp_policy_read(path, NULL, &validate->policy, &err);
  else if (validate->on_this_node)
    result = hp_policy_load(NULL, host_file_distrust, &validate->policy, &err);
  else
    hp_policy_init(&validate->policy);
  if (result == 0 && validate->on_this_node)
    validate->policy.processors = host_processors();
  if (result != 0)
    fprintf(stderr, HP_PROGRAM ": validate: %s\n", err.message);
  hp_error_clear(&err);
  return result;
}

static int judge_all(struct hp_validate *validate, const struct hp_strings *paths, bool as_json) {
  json_t *files = json_array();
  for (size_t i = 0; i < paths->count; i++)
    json_array_append_new(files, strcmp(paths->items[i], "-") == 0 ? judge_stdin(validate)
                                                                   : judge_file(validate, paths->items[i]));
  json_t *report = hp_validate_report(files);
  int status = (int)hp_validate_status(report);
  if (!as_json)
    hp_validate_print(stdout, report);
  else if (json_dumpf(report, stdout, JSON_INDENT(2)) == 0)
    putchar('\n');
  json_decref(report);
  if (fflush(stdout) == 0 && !ferror(stdout))
    return status;
  fputs(HP_PROGRAM ": validate: cannot write to standard output\n", stderr);
  return HP_VALIDATE_UNREADABLE;
}

int hp_cli_validate(const struct hp_call *call) {
  struct hp_validate validate = {.on_this_node = hp_call_option(call, "on-this-node") != NULL};
  int as_json = hp_call_json(call);
  if (as_json < 0 || read_os(call, &validate) != 0)
    return HP_STATUS_USAGE;
  if (call->operands.count == 0) {
    fputs(HP_PROGRAM ": validate needs a file: name one, or - for standard input\n", stderr);
    return HP_STATUS_USAGE;
  }
  if (read_policy(call, &validate) != 0)
    return HP_VALIDATE_UNREADABLE;
  int status = judge_all(&validate, &call->operands, as_json > 0);
  hp_validate_clear(&validate);
  return status;
}
