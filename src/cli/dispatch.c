/* argv to a command, in either of two forms: containerd's, flags first, and
 * people's, the command first. */
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"

int hp_cli_flush(void) {
  if (fflush(stdout) == 0 && !ferror(stdout))
    return EXIT_SUCCESS;
  fputs(HP_PROGRAM ": cannot write to standard output\n", stderr);
  return EXIT_FAILURE;
}

static int run_call(const struct hp_command *command, char **words) {
  struct hp_call call;
  int status = HP_STATUS_USAGE;
  if (hp_call_parse(command, words, &call) != 0)
    goto done;
  if (call.help) {
    hp_help_command(stdout, command);
    status = hp_cli_flush();
  } else {
    status = command->run(&call);
  }
done:
  hp_call_clear(&call);
  return status;
}

static int show_help(const char *verb) {
  const struct hp_command *command = verb ? hp_command_find(verb) : NULL;
  if (verb && !command) {
    hp_help_unknown_command(verb);
    return HP_STATUS_USAGE;
  }
  if (command)
    hp_help_command(stdout, command);
  else
    hp_help_overview(stdout);
  return hp_cli_flush();
}

static int refuse_verb(const char *verb) {
  const struct hp_command *command = verb ? hp_command_find(verb) : NULL;
  if (!verb)
    fputs(HP_PROGRAM ": no verb is given: containerd runs this program with start or delete; for people "
                     "there is \"" HP_PROGRAM " help\"\n",
          stderr);
  else if (command && command->run)
    fprintf(stderr, HP_PROGRAM ": %s comes before its options: " HP_PROGRAM " %s [OPTION]...\n", verb, verb);
  else if (command)
    fprintf(stderr, HP_PROGRAM ": %s is for this program itself: containerd runs it with start\n", verb);
  else
    hp_help_unknown_command(verb);
  return HP_STATUS_USAGE;
}

int hp_cli_main(int argc, char **argv) {
  if (argc < 2) {
    hp_help_usage(stderr);
    return HP_STATUS_USAGE;
  }
  if (argv[1][0] != '-') {
    const struct hp_command *command = hp_command_find(argv[1]);
    if (command && command->run)
      return run_call(command, argv + 2);
    if (!command) {
      hp_help_unknown_command(argv[1]);
      return HP_STATUS_USAGE;
    }
  }
  struct hp_flags flags;
  if (hp_flags_parse(argc, argv, &flags) != 0)
    return HP_STATUS_USAGE;
  if (flags.help)
    return show_help(flags.verb);
  if (flags.version)
    return hp_cli_version(NULL);
  if (flags.info)
    return hp_cli_info(&flags);
  if (flags.verb && strcmp(flags.verb, "start") == 0)
    return hp_cli_start(&flags);
  if (flags.verb && strcmp(flags.verb, "delete") == 0)
    return hp_cli_delete(&flags);
  return refuse_verb(flags.verb);
}
