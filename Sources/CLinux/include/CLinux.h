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

#include "clinux_process.h"
#include "clinux_spawn.h"
#include "clinux_terminal.h"

/// Names the calling thread; at most 15 bytes of it show in `top -H`.
void clinux_set_thread_name(const char *name);

/// An errno's symbol ("ENOENT") and sentence; NULL for a number that is none.
const char *clinux_errno_symbol(int number);
const char *clinux_errno_message(int number);

#endif
