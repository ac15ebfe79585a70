/* Help as a terminal shows it: from the table, wrapped at 80 columns. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/nearest.h"

#define WIDTH 80
#define LABEL_MAX 24 /* a longer label has a line of its own */

/* Words of the text, from column on; further lines begin at indent. Between the
 * paragraphs of a page stands an empty line. */
static void wrap(FILE *out, const char *text, size_t length, int indent, int column) {
  const char *end = text + length;
  bool first = true;
  while (text < end) {
    if (*text == '\n') {
      fprintf(out, "\n%s%*s", indent == 0 ? "\n" : "", indent, "");
      column = indent;
      first = true;
      text++;
      continue;
    }
    size_t word = strcspn(text, " \n");
    if (word > (size_t)(end - text))
      word = (size_t)(end - text);
    if (!first && column + 1 + (int)word > WIDTH) {
      fprintf(out, "\n%*s", indent, "");
      column = indent;
      first = true;
    }
    column += fprintf(out, "%s%.*s", first ? "" : " ", (int)word, text);
    first = false;
    text += word;
    while (text < end && *text == ' ')
      text++;
  }
  fputc('\n', out);
}

/* ---- items ------------------------------------------------------------------- */

enum label_form { PLAIN, ONE_DASH, DASHES };

/* A label as it is written on a command line: "-o, --output FORMAT". */
static char *spell_label(const struct hp_item *item, enum label_form form) {
  char *spelled = hp_strdup("");
  const char *label = item->label, *end = label + item->label_length;
  while (form != PLAIN && label < end && *label != ' ') {
    size_t name = strcspn(label, "| \t");
    char *longer = hp_printf("%s%s%s%.*s", spelled, *spelled ? ", " : "",
                             form == DASHES && name > 1 ? "--" : "-", (int)name, label);
    free(spelled);
    spelled = longer;
    label += name + (label[name] == '|');
  }
  char *whole = hp_printf("%s%.*s", spelled, (int)(end - label), label);
  free(spelled);
  return whole;
}

static void print_items(FILE *out, const char *title, const char *items, enum label_form form) {
  struct hp_item item;
  int widest = 0;
  for (const char *cursor = items; hp_item_next(&cursor, &item);) {
    char *label = spell_label(&item, form);
    int width = (int)strlen(label);
    if (width > widest && width <= LABEL_MAX)
      widest = width;
    free(label);
  }
  if (*items)
    fprintf(out, "\n%s:\n", title);
  for (const char *cursor = items; hp_item_next(&cursor, &item);) {
    char *label = spell_label(&item, form);
    fprintf(out, "  %-*s", widest, label);
    if (strlen(label) > (size_t)widest)
      fprintf(out, "\n  %*s", widest, "");
    fputs("  ", out);
    wrap(out, item.text, item.text_length, widest + 4, widest + 4);
    free(label);
  }
}

/* ---- pages ------------------------------------------------------------------- */

static void print_usage(FILE *out, const struct hp_command *command) {
  char *usage = command->containerds ? hp_printf(HP_PROGRAM " %s %s", command->usage, command->name)
                                     : hp_printf(HP_PROGRAM " %s%s%s", command->name,
                                                 *command->usage ? " " : "", command->usage);
  fputs("  ", out);
  wrap(out, usage, strlen(usage), 6, 2);
  free(usage);
}

static void print_commands(FILE *out) {
  size_t count;
  const struct hp_command *commands = hp_commands(&count);
  fputs("\nCommands:\n", out);
  for (size_t i = 0; i < count; i++)
    if (!commands[i].hidden)
      fprintf(out, "  %-10s%s\n", commands[i].name, commands[i].summary);
}

void hp_help_usage(FILE *out) {
  fputs("usage: " HP_PROGRAM " COMMAND [OPTION]...\n", out);
  print_commands(out);
  fputs("\n\"" HP_PROGRAM " help COMMAND\" tells more.\n", out);
}

void hp_help_overview(FILE *out) {
  wrap(out, hp_help_about, strlen(hp_help_about), 0, 0);
  fputs("\nUsage:\n  " HP_PROGRAM " COMMAND [OPTION]...\n", out);
  print_commands(out);
  print_items(out, "Environment", hp_help_environment, PLAIN);
  print_items(out, "Files", hp_help_files, PLAIN);
  fputs("\n\"" HP_PROGRAM " help COMMAND\" tells more.\n", out);
}

void hp_help_command(FILE *out, const struct hp_command *command) {
  fprintf(out, HP_PROGRAM " %s: %s\n\nUsage:\n", command->name, command->summary);
  print_usage(out, command);
  fputc('\n', out);
  wrap(out, command->text, strlen(command->text), 0, 0);
  print_items(out, "Options", command->options, command->containerds ? ONE_DASH : DASHES);
  print_items(out, "Exit status", command->statuses, PLAIN);
}

void hp_help_unknown_command(const char *name) {
  size_t count;
  const struct hp_command *commands = hp_commands(&count);
  struct hp_nearest nearest;
  hp_nearest_begin(&nearest, name);
  for (size_t i = 0; i < count; i++)
    if (!commands[i].hidden)
      hp_nearest_offer(&nearest, commands[i].name, strlen(commands[i].name));
  size_t length = strlen(name);
  char *raw = hp_strndup(name, length < 64 ? length : 64), *written = hp_utf8_printable(raw);
  if (nearest.best)
    fprintf(stderr, HP_PROGRAM ": command \"%s\" is not known: did you mean %s?\n", written, nearest.best);
  else
    fprintf(stderr, HP_PROGRAM ": command \"%s\" is not known: \"" HP_PROGRAM " help\" lists them\n",
            written);
  free(written);
  free(raw);
}

int hp_cli_help(const struct hp_call *call) {
  if (hp_call_option(call, "man")) {
    hp_manual_write(stdout);
  } else if (call->operands.count == 0) {
    hp_help_overview(stdout);
  } else {
    const struct hp_command *command = hp_command_find(call->operands.items[0]);
    if (!command) {
      hp_help_unknown_command(call->operands.items[0]);
      return HP_STATUS_USAGE;
    }
    hp_help_command(stdout, command);
  }
  return hp_cli_flush();
}
