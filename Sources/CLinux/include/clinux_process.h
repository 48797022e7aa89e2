// A process by its pidfd, and the few calls about processes that libc lacks or hides behind variable arguments.
#ifndef PROCESSION_CLINUX_PROCESS_H
#define PROCESSION_CLINUX_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

struct clinux_exit {
  pid_t pid;   // 0: it still runs
  int code;    // CLD_EXITED, CLD_KILLED or CLD_DUMPED
  int status;  // the exit code, or the signal
  struct rusage usage;
};

/// -1 and errno, or a close-on-exec descriptor.
int clinux_pidfd_open(pid_t pid);
int clinux_pidfd_signal(int pidfd, int signal);
/// As rt_sigqueueinfo(2), by which all but kill(2) and the kernel can be claimed to be the sender.
int clinux_pidfd_send(int pidfd, siginfo_t *info);
/// As sigqueue(3): the receiver's handler finds `value` in its siginfo.
int clinux_pidfd_queue(int pidfd, int signal, int value);

/// Waits for a signal of the set; its number, or -1 and errno. `pid` and `uid` are the sender's, 0 when that is the kernel.
int clinux_wait_signal(const sigset_t *set, pid_t *pid, uid_t *uid);

/// Looks whether the child of that pidfd has exited, without waiting for it. `reap` false leaves it a zombie, so that
/// its pid and the pids of its group stay its own. -1 and errno (ECHILD: someone else has reaped it), or 0.
int clinux_pidfd_wait(int pidfd, bool reap, struct clinux_exit *exit);

/// Orphaned descendants become our children instead of init's.
int clinux_become_subreaper(void);

/// pipe2 with both ends close-on-exec: ends[0] reads, ends[1] writes. -1 and errno, or 0.
int clinux_pipe(int ends[2]);

/// The first and the last real-time signal that libc has not taken for itself.
int clinux_sigrtmin(void);
int clinux_sigrtmax(void);

#endif
