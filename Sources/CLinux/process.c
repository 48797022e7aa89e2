#include "clinux_process.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int clinux_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int clinux_pidfd_signal(int pidfd, int signal) { return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0); }

int clinux_pidfd_send(int pidfd, siginfo_t *info) {
  return (int)syscall(SYS_pidfd_send_signal, pidfd, info->si_signo, info, 0);
}

int clinux_pidfd_queue(int pidfd, int signal, int value) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_int = value;
  return clinux_pidfd_send(pidfd, &info);
}

int clinux_wait_signal(const sigset_t *set, pid_t *pid, uid_t *uid) {
  siginfo_t info;
  int number = sigwaitinfo(set, &info);
  if (number < 0) return -1;
  bool is_sent = info.si_code <= 0;  // SI_USER, SI_QUEUE, SI_TKILL: by somebody
  *pid = is_sent ? info.si_pid : 0;
  *uid = is_sent ? info.si_uid : 0;
  return number;
}

int clinux_pidfd_wait(int pidfd, bool reap, struct clinux_exit *exit) {
  memset(exit, 0, sizeof *exit);
  siginfo_t info;
  memset(&info, 0, sizeof info);
  // The kernel's waitid has a fifth argument, the child's rusage, which libc's leaves out.
  long result = syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED | WNOHANG | (reap ? 0 : WNOWAIT), &exit->usage);
  if (result == -1) return -1;
  exit->pid = info.si_pid;
  exit->code = info.si_code;
  exit->status = info.si_status;
  return 0;
}

int clinux_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int clinux_sigrtmin(void) { return SIGRTMIN; }

int clinux_sigrtmax(void) { return SIGRTMAX; }
