#include "clinux_terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

int clinux_terminal_resize(int terminal, unsigned short rows, unsigned short columns) {
  struct winsize size = {.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  return ioctl(terminal, TIOCSWINSZ, &size);
}

int clinux_terminal_open(unsigned short rows, unsigned short columns, int ends[2]) {
  ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (ends[0] == -1) return -1;
  if (grantpt(ends[0]) == 0 && unlockpt(ends[0]) == 0 && clinux_terminal_resize(ends[0], rows, columns) == 0) {
    // By our end and not by its name, which may be another's in this mount namespace.
    ends[1] = ioctl(ends[0], TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ends[1] != -1) return 0;
  }
  int error = errno;
  close(ends[0]);
  errno = error;
  return -1;
}
