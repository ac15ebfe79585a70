#include "host/linux/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host.h"

#define DEFAULT_ROWS 25
#define DEFAULT_COLUMNS 80

int host_terminal_resize(host_handle terminal, unsigned columns, unsigned rows, struct hp_error *err) {
  if (columns > 0xffff || rows > 0xffff)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "terminal size %ux%u is out of range: a side has at most 65535 characters", columns,
                        rows);
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
  if (ioctl(terminal, TIOCSWINSZ, &size) != 0)
    return hp_error_set_os(err, errno, "cannot set the terminal's size to %ux%u", columns, rows);
  return 0;
}

int hp_terminal_open(unsigned rows, unsigned columns, uid_t uid, int *master, int *slave,
                     struct hp_error *err) {
  int result = -1, other = -1;
  int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (ours < 0)
    return hp_error_set_os(err, errno, "process.terminal: cannot make a pseudo-terminal");
  if (grantpt(ours) != 0 || unlockpt(ours) != 0) {
    hp_error_set_os(err, errno, "process.terminal: cannot unlock the pseudo-terminal");
    goto done;
  }
  /* By descriptor, not by the name of ptsname(): the container's mount
   * namespace may have another /dev/pts. */
  other = ioctl(ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (other < 0) {
    hp_error_set_os(err, errno, "process.terminal: cannot open the pseudo-terminal's other end");
    goto done;
  }
  if (fchown(other, uid, (gid_t)-1) != 0) {
    hp_error_set_os(err, errno, "process.terminal: cannot give the pseudo-terminal to uid %u", (unsigned)uid);
    goto done;
  }
  if (fcntl(ours, F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
    hp_error_set_os(err, errno, "process.terminal: cannot make the pseudo-terminal non-blocking");
    goto done;
  }
  if (host_terminal_resize(ours, columns ? columns : DEFAULT_COLUMNS, rows ? rows : DEFAULT_ROWS, err) != 0)
    goto done;
  *master = ours;
  *slave = other;
  ours = other = -1;
  result = 0;
done:
  if (ours >= 0)
    close(ours);
  if (other >= 0)
    close(other);
  return result;
}
