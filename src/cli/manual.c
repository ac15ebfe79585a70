/* The manual page, from the same table as the help: docs/ has it as the program
 * for Linux writes it. */
#include <ctype.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"

/* roff takes '\' and a leading dot or apostrophe as its own, and '-' for a hyphen. */
static void escape(FILE *out, const char *text, size_t length) {
  bool line_begins = true;
  for (size_t i = 0; i < length; i++) {
    if (line_begins && (text[i] == '.' || text[i] == '\''))
      fputs("\\&", out);
    line_begins = text[i] == '\n';
    if (text[i] == '\n')
      fputs("\n.PP\n", out);
    else if (text[i] == '-')
      fputs("\\-", out);
    else if (text[i] == '\\')
      fputs("\\e", out);
    else
      fputc(text[i], out);
  }
}

static void write_text(FILE *out, const char *text) {
  escape(out, text, strlen(text));
  fputc('\n', out);
}

static void write_bold(FILE *out, const char *text, size_t length) {
  fputs("\\fB", out);
  escape(out, text, length);
  fputs("\\fR", out);
}

/* "o|output FORMAT" is -o, --output FORMAT, the last word in italics. */
static void write_option(FILE *out, const struct hp_item *item, bool one_dash) {
  const char *label = item->label, *end = label + item->label_length;
  while (label < end && *label != ' ') {
    size_t name = strcspn(label, "| \t");
    if (label != item->label)
      fputs(", ", out);
    fputs(one_dash || name == 1 ? "\\fB\\-" : "\\fB\\-\\-", out);
    escape(out, label, name);
    fputs("\\fR", out);
    label += name + (label[name] == '|');
  }
  if (label < end)
    fprintf(out, " \\fI%.*s\\fR", (int)(end - label - 1), label + 1);
}

enum item_kind { WORDS, ONE_DASH, DASHES };

static void write_items(FILE *out, const char *items, enum item_kind kind) {
  struct hp_item item;
  while (hp_item_next(&items, &item)) {
    fputs(".TP\n", out);
    if (kind == WORDS)
      write_bold(out, item.label, item.label_length);
    else
      write_option(out, &item, kind == ONE_DASH);
    fputc('\n', out);
    escape(out, item.text, item.text_length);
    fputc('\n', out);
  }
}

static void write_synopsis(FILE *out, const struct hp_command *command) {
  write_bold(out, HP_PROGRAM, strlen(HP_PROGRAM));
  fputc(' ', out);
  if (command->containerds) {
    escape(out, command->usage, strlen(command->usage));
    fputc(' ', out);
  }
  write_bold(out, command->name, strlen(command->name));
  if (!command->containerds && *command->usage) {
    fputc(' ', out);
    escape(out, command->usage, strlen(command->usage));
  }
  fputc('\n', out);
}

static void write_command(FILE *out, const struct hp_command *command) {
  fprintf(out, ".SS %s\n", command->name);
  fprintf(out, "%c", toupper((unsigned char)command->summary[0]));
  escape(out, command->summary + 1, strlen(command->summary + 1));
  fputs(".\n.PP\n", out);
  write_text(out, command->text);
  write_items(out, command->options, command->containerds ? ONE_DASH : DASHES);
  fputs(".PP\nExit status:\n", out);
  write_items(out, command->statuses, WORDS);
}

void hp_manual_write(FILE *out) {
  size_t count;
  const struct hp_command *commands = hp_commands(&count);
  fputs(".\\\" Written by \"" HP_PROGRAM " help --man\".\n"
        ".TH CONTAINERD-SHIM-HOSTPROCESS-V1 8 \"\" \"hostprocess-shim " HP_VERSION
        "\" \"System administration\"\n.SH NAME\n",
        out);
  write_text(out, HP_PROGRAM " - containerd runtime shim for HostProcess containers");
  fputs(".SH SYNOPSIS\n", out);
  for (size_t i = 0; i < count; i++) {
    if (commands[i].hidden)
      continue;
    write_synopsis(out, &commands[i]);
    fputs(".br\n", out);
  }
  write_synopsis(out, &(struct hp_command){.name = "-info | -v | -h", .usage = ""});
  fputs(".SH DESCRIPTION\n", out);
  write_text(out, hp_help_about);
  fputs(".PP\nThe commands that containerd runs come after their flags, which have one dash or two; the "
        "others come first.\n.SH COMMANDS\n",
        out);
  for (size_t i = 0; i < count; i++)
    if (!commands[i].hidden)
      write_command(out, &commands[i]);
  fputs(".SH ENVIRONMENT\n", out);
  write_items(out, hp_help_environment, WORDS);
  fputs(".SH FILES\n", out);
  write_items(out, hp_help_files, WORDS);
  fputs(".SH SEE ALSO\n.BR containerd (8),\n.BR ctr (8)\n", out);
}
