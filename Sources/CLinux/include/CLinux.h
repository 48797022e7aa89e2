// What Swift's Glibc module leaves out, and the one function that starts a child (clinux_spawn.h).
#ifndef PROCESSION_CLINUX_H
#define PROCESSION_CLINUX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/un.h>

#include "clinux_arguments.h"
#include "clinux_init.h"
#include "clinux_process.h"
#include "clinux_shared.h"
#include "clinux_spawn.h"
#include "clinux_terminal.h"

/// Names the calling thread; at most 15 bytes of it show in `top -H`.
void clinux_set_thread_name(const char *name);

/// An errno's symbol ("ENOENT") and sentence; NULL for a number that is none.
const char *clinux_errno_symbol(int number);
const char *clinux_errno_message(int number);

/// A descriptor that is readable when the signal is pending, which must be blocked in every thread; -1: see errno.
int clinux_signalfd(int signal);

/// A nameless file in memory; -1: see errno.
int clinux_memfd(const char *name);

/// RLIMIT_NPROC, which Glibc's module leaves out.
int clinux_rlimit_nproc(void);

/// How many bytes a pipe holds now.
int clinux_bytes_waiting(int fd);

/// Lets threads that start from now on share one heap. A heap of their own grows by a page at a time, with a call of
/// mprotect(2) for each.
void clinux_share_heap(void);

/// The pid of a child that has ended and is not reaped, 0 when there is none. It stays unreaped.
pid_t clinux_ended_child(void);

#endif
