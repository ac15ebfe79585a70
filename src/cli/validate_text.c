/* The report for people. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/style.h"
#include "cli/validate.h"

/* Whatever a file says, a terminal gets text. */
static void put(FILE *out, const char *text) {
  char *printable = hp_utf8_printable(text ? text : "");
  fputs(printable, out);
  free(printable);
}

static const char *text_of(const json_t *entry, const char *key) {
  return json_string_value(json_object_get(entry, key));
}

static void put_verdict(FILE *out, const char *verdict) {
  bool accepted = verdict && strcmp(verdict, "accepted") == 0;
  fputs(hp_style(accepted ? HP_STYLE_GOOD : HP_STYLE_BAD), out);
  put(out, verdict);
  fputs(hp_style(HP_STYLE_END), out);
}

/* One line "  LABEL  TEXT" of a container's; the label takes a column. */
static void put_label(FILE *out, const char *label) {
  fprintf(out, "    %-13s ", label);
}

static void put_list(FILE *out, const json_t *entry, const char *list, const char *indent, const char *label,
                     enum hp_style style) {
  size_t i;
  json_t *item;
  json_array_foreach(json_object_get(entry, list), i, item) {
    const char *message = json_is_object(item) ? text_of(item, "message") : json_string_value(item);
    fprintf(out, "%s%s%s:%s ", indent, hp_style(style), label, hp_style(HP_STYLE_END));
    put(out, message);
    if (json_is_object(item))
      fprintf(out, " (rule %s)", text_of(item, "rule"));
    fputc('\n', out);
  }
}

static void put_notes(FILE *out, const json_t *entry, const char *indent) {
  put_list(out, entry, "refusals", indent, "refused", HP_STYLE_BAD);
  put_list(out, entry, "warnings", indent, "warning", HP_STYLE_WARNING);
  put_list(out, entry, "open", indent, "open question", HP_STYLE_STRONG);
}

/* ---- a container ------------------------------------------------------------------ */

static void put_user(FILE *out, const json_t *user) {
  put_label(out, "user");
  if (text_of(user, "name")) {
    put(out, text_of(user, "name"));
    fputs(": ", out);
  }
  put(out, text_of(user, "token"));
  fputc('\n', out);
}

static void put_volume(FILE *out, const json_t *volume) {
  put_label(out, "volume");
  put(out, text_of(volume, "path"));
  fprintf(out, " (%s, chosen by the %s", text_of(volume, "behavior"), text_of(volume, "chosenBy"));
  if (text_of(volume, "elsePath")) {
    fputs("; else symlink, ", out);
    put(out, text_of(volume, "elsePath"));
  }
  fputs(")\n", out);
}

static void put_joined(FILE *out, const json_t *list, const char *separator) {
  size_t i;
  json_t *item;
  json_array_foreach(list, i, item) {
    fputs(i > 0 ? separator : "", out);
    put(out, json_string_value(item));
  }
}

static void put_mounts(FILE *out, const json_t *mounts) {
  size_t i;
  json_t *mount;
  json_array_foreach(mounts, i, mount) {
    put_label(out, "mount");
    put(out, text_of(mount, "source"));
    fputs(" at ", out);
    put_joined(out, json_object_get(mount, "appears"), " and ");
    fputs(json_is_true(json_object_get(mount, "readOnly")) ? " (read-only)\n" : "\n", out);
  }
}

static void put_limits(FILE *out, const json_t *limits) {
  size_t i;
  json_t *limit;
  json_array_foreach(limits, i, limit) {
    put_label(out, "limit");
    char *value = json_dumps(json_object_get(limit, "value"), JSON_ENCODE_ANY);
    fprintf(out, "%s %s: %s\n", text_of(limit, "limit"), value, text_of(limit, "job"));
    free(value);
  }
}

static void put_program(FILE *out, const json_t *program) {
  const char *line = text_of(program, "commandLine");
  put_label(out, line ? "command line" : "arguments");
  if (json_is_true(json_object_get(program, "ofImage")))
    fputs("[the image's ENTRYPOINT] ", out);
  if (line)
    put(out, line);
  else
    put_joined(out, json_object_get(program, "args"), " ");
  fputs(json_is_true(json_object_get(program, "terminal")) ? " (with a terminal)\n" : "\n", out);
}

static void put_environment(FILE *out, const json_t *environment) {
  size_t i;
  json_t *variable;
  json_array_foreach(environment, i, variable) {
    put_label(out, "environment");
    put(out, text_of(variable, "name"));
    fputc('=', out);
    put(out, text_of(variable, "value"));
    fputc('\n', out);
  }
}

static void put_outcome(FILE *out, const json_t *entry) {
  if (!json_object_get(entry, "user"))
    return;
  put_user(out, json_object_get(entry, "user"));
  put_volume(out, json_object_get(entry, "volume"));
  put_mounts(out, json_object_get(entry, "mounts"));
  put_limits(out, json_object_get(entry, "limits"));
  put_program(out, json_object_get(entry, "program"));
  put_label(out, "directory");
  put_joined(out, json_object_get(entry, "workingDirectory"), ", else ");
  fputc('\n', out);
  put_environment(out, json_object_get(entry, "environment"));
}

static void put_title(FILE *out, const json_t *entry, const char *what) {
  const char *namespace_name = text_of(entry, "namespace"), *name = text_of(entry, "name");
  put(out, what);
  if (name) {
    fputc(' ', out);
    fputs(hp_style(HP_STYLE_STRONG), out);
    if (namespace_name) {
      put(out, namespace_name);
      fputc('/', out);
    }
    put(out, name);
    fputs(hp_style(HP_STYLE_END), out);
  }
  json_int_t line = json_integer_value(json_object_get(entry, "line"));
  if (line > 0)
    fprintf(out, ", line %lld", (long long)line);
  fputs(": ", out);
  put_verdict(out, text_of(entry, "verdict"));
  fputc('\n', out);
}

static void put_container(FILE *out, const json_t *entry) {
  const char *type = text_of(entry, "type");
  fputs("  ", out);
  put_title(out, entry,
            strcmp(type, "init") == 0        ? "init container"
            : strcmp(type, "ephemeral") == 0 ? "ephemeral container"
                                             : "container");
  put_outcome(out, entry);
  put_notes(out, entry, "    ");
}

/* ---- files --------------------------------------------------------------------------- */

static void put_file(FILE *out, const json_t *file) {
  size_t i, k;
  json_t *pod, *container;
  const char *error = text_of(file, "error");
  if (error) {
    put(out, text_of(file, "file"));
    fputs(": ", out);
    put_verdict(out, text_of(file, "verdict"));
    fputs(": ", out);
    put(out, error);
    fputc('\n', out);
  }
  json_array_foreach(json_object_get(file, "pods"), i, pod) {
    put(out, text_of(file, "file"));
    fputs(": ", out);
    put_title(out, pod, text_of(pod, "kind"));
    put_notes(out, pod, "  ");
    json_array_foreach(json_object_get(pod, "containers"), k, container) {
      put_container(out, container);
    }
  }
  json_array_foreach(json_object_get(file, "ignored"), i, pod) {
    put(out, text_of(file, "file"));
    fputs(": ", out);
    put(out, json_string_value(pod));
    fputs(" is passed over: it has no pod\n", out);
  }
}

void hp_validate_print(FILE *out, const json_t *report) {
  size_t i;
  json_t *file;
  json_array_foreach(json_object_get(report, "files"), i, file) {
    put_file(out, file);
  }
}
