/* What this program can be asked to do: one table, from which the command line
 * is read, the help is shown and the manual page is written. containerd calls
 * two of the commands with flags of its own form (cli.h); the others are for
 * people, who put the command first.
 *
 * All of it is constant text: what a daemon never shows it never touches. */
#ifndef HP_CLI_COMMAND_H
#define HP_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/memory.h"

#define HP_STATUS_USAGE 2 /* the exit status of a wrong command line */

/* Items are lines "LABEL\tTEXT\n". The label of an option is its names, joined
 * by '|', and, unless it is a switch, a space and what its value is called. A
 * text is paragraphs, joined by '\n'. All ASCII, unwrapped. */
struct hp_call;
struct hp_command {
  const char *name, *summary;
  const char *usage;                      /* what follows the command's name, or stands around it */
  const char *text;                       /* more about it */
  const char *options;                    /* items */
  const char *statuses;                   /* items: exit statuses */
  bool containerds;                       /* called with containerd's flags, which have one dash */
  bool hidden;                            /* in no list; `help NAME` knows it */
  int (*run)(const struct hp_call *call); /* returns the exit status; NULL: containerd's */
};

const struct hp_command *hp_commands(size_t *count);
const struct hp_command *hp_command_find(const char *name); /* NULL: none of that name */
extern const char hp_help_about[];                          /* text: what the program is */
extern const char hp_help_environment[];                    /* items */
extern const char hp_help_files[];                          /* items */

/* The first item from *cursor on; false at the end. Moves the cursor behind it. */
struct hp_item {
  const char *label, *text;
  size_t label_length, text_length;
};
bool hp_item_next(const char **cursor, struct hp_item *item);

/* ---- one call of a command (call.c) --------------------------------------- */

#define HP_CALL_OPTIONS 16

struct hp_call {
  const struct hp_command *command;
  struct hp_strings operands;         /* files, say; "-" too */
  const char *given[HP_CALL_OPTIONS]; /* values in the table's order; see hp_call_option */
  bool help;                          /* -h, --help */
};

/* Reads the words after the command's name: options with one or two dashes,
 * "--name value" and "--name=value", the last one wins, "--" ends them. 0, or -1
 * with the reason on stderr. To be cleared either way. */
int hp_call_parse(const struct hp_command *command, char **words, struct hp_call *call);
void hp_call_clear(struct hp_call *call);

/* The value of the option of that name, "" of a switch; NULL: not given. */
const char *hp_call_option(const struct hp_call *call, const char *name);
/* Says on stderr that the command takes no operands, if there are any: -1. */
int hp_call_no_operands(const struct hp_call *call);
/* Of the option "o": 1 json, 0 text, -1 something else, which is said on stderr. */
int hp_call_json(const struct hp_call *call);

/* ---- text (help.c, manual.c) ------------------------------------------------ */

void hp_help_usage(FILE *out);    /* a few lines */
void hp_help_overview(FILE *out); /* every command, in a line each */
void hp_help_command(FILE *out, const struct hp_command *command);
void hp_manual_write(FILE *out); /* the manual page, roff with man macros */

/* Says on stderr that there is no such command, and which one is near. */
void hp_help_unknown_command(const char *name);

int hp_cli_help(const struct hp_call *call);

/* argv to exit status. (dispatch.c) */
int hp_cli_main(int argc, char **argv);

#endif
