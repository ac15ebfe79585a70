/* argv → a verb; nothing else. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int main(int argc, char **argv) {
  struct hp_flags flags;
#if defined(SIGPIPE)
  signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an error of the write, which says what to do */
#endif
  if (hp_flags_parse(argc, argv, &flags) != 0)
    return 2;
  if (flags.version)
    return hp_cli_version();
  if (flags.info)
    return hp_cli_info(&flags);
  if (flags.verb && strcmp(flags.verb, "start") == 0)
    return hp_cli_start(&flags);
  if (flags.verb && strcmp(flags.verb, "delete") == 0)
    return hp_cli_delete(&flags);
  if (flags.verb)
    fprintf(stderr, HP_PROGRAM ": verb \"%s\" is not known: use start, delete, -info or -v\n", flags.verb);
  else
    fprintf(stderr,
            HP_PROGRAM ": no verb is given: containerd runs this program with start or delete; for people "
                       "there are -info and -v\n");
  return 2;
}
