// Pseudo-terminals.
#ifndef PROCESSION_CLINUX_TERMINAL_H
#define PROCESSION_CLINUX_TERMINAL_H

/// Both ends of a new terminal, close-on-exec: ends[0] is ours, ends[1] the one that a child gets. -1 and errno, or 0.
/// A read from ours ends with EIO, not with 0, once nobody has the other open.
int clinux_terminal_open(unsigned short rows, unsigned short columns, int ends[2]);

/// Its foreground group gets SIGWINCH if that is a change. -1 and errno, or 0.
int clinux_terminal_resize(int terminal, unsigned short rows, unsigned short columns);

#endif
