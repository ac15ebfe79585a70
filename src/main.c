/* argv → a command; nothing else. */
#include <signal.h>

#include "cli/command.h"

int main(int argc, char **argv) {
#if defined(SIGPIPE)
  signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an error of the write, which says what to do */
#endif
  return hp_cli_main(argc, argv);
}
