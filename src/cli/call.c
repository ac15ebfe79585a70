/* The command lines that people write: the command, then its options and operands. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/nearest.h"

bool hp_item_next(const char **cursor, struct hp_item *item) {
  const char *line = *cursor;
  if (!line || !*line)
    return false;
  const char *tab = strchr(line, '\t'), *end = strchr(line, '\n');
  *item = (struct hp_item){line, tab + 1, (size_t)(tab - line), (size_t)(end - tab - 1)};
  *cursor = end + 1;
  return true;
}

/* The next name of an option's label; the label's rest, if any, is in *rest. */
static bool next_name(const char **label, const char *end, const char **name, size_t *length) {
  if (*label >= end || **label == ' ')
    return false;
  *name = *label;
  while (*label < end && **label != '|' && **label != ' ')
    (*label)++;
  *length = (size_t)(*label - *name);
  if (*label < end && **label == '|')
    (*label)++;
  return true;
}

/* The index of the option among the command's, -1: it has none of that name. */
static int find_option(const char *options, const char *name, size_t length, bool *is_switch) {
  struct hp_item item;
  for (int i = 0; hp_item_next(&options, &item); i++) {
    const char *label = item.label, *end = item.label + item.label_length, *known;
    size_t known_length;
    *is_switch = !memchr(item.label, ' ', item.label_length);
    while (next_name(&label, end, &known, &known_length))
      if (known_length == length && memcmp(known, name, length) == 0)
        return i;
  }
  return -1;
}

static const char *dashes(size_t length) {
  return length == 1 ? "-" : "--";
}

static void refuse_unknown(const struct hp_command *command, const char *name, size_t length) {
  char *raw = hp_strndup(name, length > 64 ? 64 : length);
  char *written = hp_utf8_printable(raw);
  struct hp_nearest nearest;
  struct hp_item item;
  hp_nearest_begin(&nearest, raw);
  for (const char *options = command->options; hp_item_next(&options, &item);) {
    const char *label = item.label, *known;
    size_t known_length;
    while (next_name(&label, item.label + item.label_length, &known, &known_length))
      hp_nearest_offer(&nearest, known, known_length);
  }
  hp_nearest_offer(&nearest, "help", strlen("help"));
  if (nearest.best)
    fprintf(stderr, HP_PROGRAM ": %s has no option %s%s: did you mean %s%.*s?\n", command->name,
            dashes(length), written, dashes(nearest.best_length), (int)nearest.best_length, nearest.best);
  else
    fprintf(stderr, HP_PROGRAM ": %s has no option %s%s: \"" HP_PROGRAM " help %s\" lists those it has\n",
            command->name, dashes(length), written, command->name);
  free(written);
  free(raw);
}

static bool is_option(const struct hp_command *command, const char *word) {
  bool is_switch;
  word += *word == '-';
  word += *word == '-';
  return find_option(command->options, word, strcspn(word, "="), &is_switch) >= 0;
}

/* The word behind the option *words. An option there was not meant as a value:
 * `gc --namespace --dry-run` would be no dry run. */
static int take_value(struct hp_call *call, int index, char ***words) {
  const char *option = **words, *value = (*words)[1];
  bool forgotten = value && value[0] == '-' && is_option(call->command, value);
  if (value && !forgotten) {
    call->given[index] = value;
    ++*words;
    return 0;
  }
  if (forgotten)
    fprintf(stderr,
            HP_PROGRAM ": option %s needs a value, and has the option %s: write %s=%s if it is meant\n",
            option, value, option, value);
  else
    fprintf(stderr, HP_PROGRAM ": option %s needs a value: \"" HP_PROGRAM " help %s\" says which\n", option,
            call->command->name);
  return -1;
}

/* *words is an option; a value that stands alone moves *words on to it. */
static int parse_option(struct hp_call *call, char ***words) {
  const char *name = **words + 1;
  if (*name == '-')
    name++;
  const char *equals = strchr(name, '=');
  size_t length = equals ? (size_t)(equals - name) : strlen(name);
  if (!equals && (strcmp(name, "h") == 0 || strcmp(name, "help") == 0)) {
    call->help = true;
    return 0;
  }
  bool is_switch;
  int index = find_option(call->command->options, name, length, &is_switch);
  if (index < 0 || index >= HP_CALL_OPTIONS) {
    refuse_unknown(call->command, name, length);
    return -1;
  }
  if (is_switch && equals) {
    fprintf(stderr, HP_PROGRAM ": option %s%.*s takes no value: leave \"%s\" out\n", dashes(length),
            (int)length, name, equals);
    return -1;
  }
  if (is_switch || equals) {
    call->given[index] = is_switch ? "" : equals + 1;
    return 0;
  }
  return take_value(call, index, words);
}

int hp_call_parse(const struct hp_command *command, char **words, struct hp_call *call) {
  *call = (struct hp_call){.command = command};
  bool options = true;
  for (; *words; words++) {
    const char *word = *words;
    if (!options || word[0] != '-' || !word[1])
      hp_strings_add(&call->operands, word);
    else if (strcmp(word, "--") == 0)
      options = false;
    else if (parse_option(call, &words) != 0)
      return -1;
  }
  return 0;
}

void hp_call_clear(struct hp_call *call) {
  hp_strings_clear(&call->operands);
}

const char *hp_call_option(const struct hp_call *call, const char *name) {
  bool is_switch;
  int index = find_option(call->command->options, name, strlen(name), &is_switch);
  return index < 0 || index >= HP_CALL_OPTIONS ? NULL : call->given[index];
}

int hp_call_no_operands(const struct hp_call *call) {
  if (call->operands.count == 0)
    return 0;
  char *first = hp_utf8_printable(call->operands.items[0]);
  fprintf(stderr, HP_PROGRAM ": %s takes options only: \"%s\" is one word too many\n", call->command->name,
          first);
  free(first);
  return -1;
}

int hp_call_json(const struct hp_call *call) {
  const char *format = hp_call_option(call, "o");
  if (!format || strcmp(format, "text") == 0)
    return 0;
  if (strcmp(format, "json") == 0)
    return 1;
  char *written = hp_utf8_printable(format);
  fprintf(stderr, HP_PROGRAM ": option -o has the value \"%s\": use json or text\n", written);
  free(written);
  return -1;
}
