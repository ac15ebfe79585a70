/* Command lines of Windows: one string, which each program splits itself.
 * Nearly all do it as CommandLineToArgvW; cmd.exe does not. */
#include "spec/command_windows.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "spec/text.h"

/* ---- growing text ------------------------------------------------------------ */

struct text {
  char *bytes;
  size_t length, room;
};

static void put(struct text *text, const char *bytes, size_t length) {
  if (text->length + length >= text->room) {
    text->room = (text->length + length + 1) * 2;
    text->bytes = hp_realloc_array(text->bytes, text->room, 1);
  }
  memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
  text->bytes[text->length] = 0;
}

static void put_text(struct text *text, const char *bytes) {
  put(text, bytes, strlen(bytes));
}

static void put_backslashes(struct text *text, size_t count) {
  while (count-- > 0)
    put(text, "\\", 1);
}

size_t hp_command_windows_length(const char *text) {
  size_t units = 0;
  while (*text) {
    size_t bytes = hp_utf8_sequence(text);
    units += bytes == 4 ? 2 : 1;
    text += bytes ? bytes : 1;
  }
  return units;
}

/* ---- CommandLineToArgvW ------------------------------------------------------- */

static bool needs_quotes(const char *arg) {
  if (!*arg)
    return true;
  for (; *arg; arg++)
    if ((unsigned char)*arg <= ' ' || *arg == '"')
      return true;
  return false;
}

/* Backslashes mean themselves but before a quotation mark, where two stand for
 * one and an odd one makes the mark a character. */
static void put_argument(struct text *line, const char *arg) {
  if (!needs_quotes(arg)) {
    put_text(line, arg);
    return;
  }
  size_t backslashes = 0;
  put_text(line, "\"");
  for (; *arg; arg++) {
    if (*arg == '"')
      put_backslashes(line, backslashes + 1);
    backslashes = *arg == '\\' ? backslashes + 1 : 0;
    put(line, arg, 1);
  }
  put_backslashes(line, backslashes);
  put_text(line, "\"");
}

static int check_length(const struct text *line, size_t max, const char *reader, struct hp_error *err) {
  size_t length = hp_command_windows_length(line->bytes);
  if (length <= max)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "process.args: the command line has %zu characters, %s takes %zu: shorten it, or pass "
                      "the rest in a file",
                      length, reader, max);
}

static int finish(struct text *line, size_t max, const char *reader, char **out, struct hp_error *err) {
  if (check_length(line, max, reader, err) != 0) {
    free(line->bytes);
    return -1;
  }
  *out = line->bytes;
  return 0;
}

int hp_command_windows_quote(const struct hp_strings *args, char **line, struct hp_error *err) {
  /* The first word is read by simpler rules: a quotation mark ends it. */
  const char *program = args->items[0];
  if (strchr(program, '"'))
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "process.args[0]: \"%s\" has a quotation mark, which no file name can have: give its "
                        "arguments one by one, or the whole as process.commandLine",
                        program);
  struct text text = {0};
  bool quotes = needs_quotes(program);
  put_text(&text, quotes ? "\"" : "");
  put_text(&text, program);
  put_text(&text, quotes ? "\"" : "");
  for (size_t i = 1; i < args->count; i++) {
    put_text(&text, " ");
    put_argument(&text, args->items[i]);
  }
  return finish(&text, HP_COMMAND_LINE_MAX, "Windows", line, err);
}

/* ---- an unescaped line ---------------------------------------------------------- */

static bool is_space(char c) {
  return c == ' ' || c == '\t';
}

static void add_word(struct hp_command_windows_word **words, size_t *count, const char *line,
                     const char *begin, const char *end, const char *rest) {
  if (end == begin || *count == HP_COMMAND_WORDS_MAX)
    return;
  *words = hp_realloc_array(*words, *count + 1, sizeof **words);
  (*words)[(*count)++] =
      (struct hp_command_windows_word){hp_strndup(begin, (size_t)(end - begin)), (size_t)(rest - line)};
}

size_t hp_command_windows_words(const char *line, struct hp_command_windows_word **words) {
  size_t count = 0;
  *words = NULL;
  const char *begin = line;
  while (is_space(*begin))
    begin++;
  if (*begin == '"') {
    const char *end = begin + 1 + strcspn(begin + 1, "\"");
    add_word(words, &count, line, begin + 1, end, *end ? end + 1 : end);
    return count;
  }
  const char *at = begin;
  while (*at) {
    at += strcspn(at, " \t");
    add_word(words, &count, line, begin, at, at);
    while (is_space(*at))
      at++;
  }
  return count;
}

void hp_command_windows_words_free(struct hp_command_windows_word *words, size_t count) {
  for (size_t i = 0; i < count; i++)
    free(words[i].program);
  free(words);
}

/* ---- cmd.exe ----------------------------------------------------------------------- */

/* Windows drops dots and spaces at the end of a name before it looks at the rest. */
static size_t length_of_name(const char *path) {
  size_t length = strlen(path);
  while (length > 0 && (path[length - 1] == '.' || path[length - 1] == ' '))
    length--;
  return length;
}

bool hp_command_windows_is_batch(const char *path) {
  size_t length = length_of_name(path);
  return length > 4 &&
         (hp_text_starts(path + length - 4, ".bat") || hp_text_starts(path + length - 4, ".cmd"));
}

/* cmd.exe expands %NAME% even between quotation marks. %cd:~,% (no characters
 * of the current directory) is nothing, and keeps two percent signs apart. */
static void put_for_cmd(struct text *line, const char *bytes) {
  size_t backslashes = 0;
  for (; *bytes; bytes++) {
    if (*bytes == '"') { /* doubled, it does not end what is quoted */
      put_backslashes(line, backslashes);
      put_text(line, "\"");
    } else if (*bytes == '%') {
      put_text(line, "%%cd:~,");
    }
    backslashes = *bytes == '\\' ? backslashes + 1 : 0;
    put(line, bytes, 1);
  }
  put_backslashes(line, backslashes);
}

/* What is not known to mean nothing to cmd.exe is put between quotation marks. */
static bool is_plain_for_cmd(const char *arg) {
  size_t length = strlen(arg);
  if (length == 0 || arg[length - 1] == '\\')
    return false;
  for (; *arg; arg++) {
    bool letter =
        (*arg >= 'a' && *arg <= 'z') || (*arg >= 'A' && *arg <= 'Z') || (*arg >= '0' && *arg <= '9');
    if (!letter && !strchr("#$*+-./:?@\\_", *arg))
      return false;
  }
  return true;
}

static int refuse_line_break(const char *what, const char *value, struct hp_error *err) {
  return hp_error_set(
      err, HP_INVALID_ARGUMENT,
      "%s: \"%.256s\" has a line break, which cannot be handed to a batch file: remove it, or "
      "start a program instead",
      what, value);
}

/* Extensions are needed for %cd:~,%; delayed expansion would add a second
 * special character; AutoRun of the registry has no business here. */
static void begin_cmd(struct text *line, const char *script, const char *system_root) {
  put_text(line, "\"");
  put_text(line, system_root);
  put_text(line, "\\System32\\cmd.exe\" /e:ON /v:OFF /d /c \"\"");
  char *name = hp_strndup(script, length_of_name(script));
  put_for_cmd(line, name);
  free(name);
  put_text(line, "\"");
}

int hp_command_windows_batch(const char *script, const struct hp_strings *args, const char *system_root,
                             char **line, struct hp_error *err) {
  struct text text = {0};
  begin_cmd(&text, script, system_root);
  for (size_t i = 1; i < args->count; i++) {
    const char *arg = args->items[i];
    if (strpbrk(arg, "\r\n")) {
      free(text.bytes);
      char *what = hp_printf("process.args[%zu]", i);
      refuse_line_break(what, arg, err);
      free(what);
      return -1;
    }
    bool plain = is_plain_for_cmd(arg);
    put_text(&text, plain ? " " : " \"");
    if (plain)
      put_text(&text, arg);
    else
      put_for_cmd(&text, arg);
    put_text(&text, plain ? "" : "\"");
  }
  put_text(&text, "\"");
  return finish(&text, HP_COMMAND_LINE_MAX_BATCH, "cmd.exe", line, err);
}

int hp_command_windows_batch_raw(const char *script, const char *rest, const char *system_root, char **line,
                                 struct hp_error *err) {
  if (strpbrk(rest, "\r\n"))
    return refuse_line_break("process.commandLine", rest, err);
  struct text text = {0};
  begin_cmd(&text, script, system_root);
  put_text(&text, rest);
  put_text(&text, "\"");
  return finish(&text, HP_COMMAND_LINE_MAX_BATCH, "cmd.exe", line, err);
}
