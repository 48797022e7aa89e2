// A container's init, apart from the service.
#ifndef PROCESSION_CLINUX_INIT_H
#define PROCESSION_CLINUX_INIT_H

#include <sys/types.h>

/// Divides PID 1, so that no orphan is ever a zombie: the kernel reaps the children of a process that ignores SIGCHLD at
/// once, and those of no other (wait(2), NOTES), but such a process learns no exit status. So PID 1 adopts, ignores SIGCHLD
/// and passes signals on, its child waits for the service, and the service is the child of that.
///
/// Does nothing where this process is not PID 1. Otherwise it returns in the service alone; PID 1 ends with the service's
/// exit code, 128 and the signal's number where one ended it. To be called before there are threads.
void clinux_divide_init(void);

/// Whose children orphaned descendants become: PID 1's of a container, or our own where we are a subreaper.
pid_t clinux_adopter(void);

#endif
