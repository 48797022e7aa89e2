#include "clinux_init.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clinux_process.h"

static pid_t adopter;

pid_t clinux_adopter(void) { return adopter != 0 ? adopter : getpid(); }

static _Noreturn void fail(const char *call) {
  perror(call);
  _exit(1);
}

static pid_t fork_or_fail(void) {
  pid_t pid = fork();
  if (pid == -1) fail("procession: fork");
  return pid;
}

/// Who has not read what was expected has lost the other side.
static bool receive(int link, void *value, size_t size) {
  ssize_t count;
  do count = recv(link, value, size, MSG_WAITALL);
  while (count == -1 && errno == EINTR);
  return count == (ssize_t)size;
}

static void tell(int link, const void *value, size_t size) { (void)send(link, value, size, MSG_NOSIGNAL); }

/// Waits for the service, which is its child, and tells init of its end.
static _Noreturn void keep(int link, pid_t service) {
  prctl(PR_SET_NAME, "keeper");
  tell(link, &service, sizeof service);
  // Until init has its pidfd the service stays unreaped, so that the number is its own.
  char answer;
  if (receive(link, &answer, sizeof answer)) {
    int status = 0;
    while (waitpid(service, &status, 0) == -1 && errno == EINTR) {}
    tell(link, &status, sizeof status);
  }
  _exit(0);
}

/// Whether a signal that PID 1 was sent is the service's too.
static bool is_passed_on(const struct signalfd_siginfo *info) {
  switch ((int)info->ssi_signo) {
    case SIGCHLD:
    // PID 1 is spared what it has no handler for, and by these the service would end.
    case SIGILL: case SIGTRAP: case SIGABRT: case SIGBUS: case SIGFPE: case SIGSEGV: case SIGSYS: case SIGPIPE:
    case SIGXFSZ: case SIGPROF: case SIGVTALRM: case SIGTSTP: case SIGTTIN: case SIGTTOU:
      return false;
    case SIGINT: case SIGQUIT: case SIGWINCH: case SIGCONT:
      return info->ssi_code != SI_KERNEL;  // A terminal sends these to the whole group, in which the service is.
    default:
      return true;
  }
}

/// As it came: with its sender and its value.
static void pass_on(int pidfd, const struct signalfd_siginfo *from) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = (int)from->ssi_signo;
  info.si_code = SI_QUEUE;  // The kernel lets nobody claim to be kill(2), or itself.
  info.si_pid = (pid_t)from->ssi_pid;
  info.si_uid = from->ssi_uid;
  info.si_value.sival_ptr = (void *)from->ssi_ptr;
  clinux_pidfd_send(pidfd, &info);
}

static int exit_code(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

static _Noreturn void preside(int link, const sigset_t *all) {
  pid_t service;
  if (!receive(link, &service, sizeof service)) _exit(1);
  prctl(PR_SET_NAME, "init");
  signal(SIGCHLD, SIG_IGN);
  int pidfd = clinux_pidfd_open(service);
  int signals = signalfd(-1, all, SFD_CLOEXEC);
  // Without them it would be deaf to what stops a container; the service goes with it.
  if (pidfd == -1 || signals == -1) fail("procession: init");
  tell(link, "", 1);
  struct pollfd watched[] = {{.fd = link, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
  while (true) {
    if (poll(watched, 2, -1) == -1) continue;
    if (watched[0].revents != 0) {
      int status;
      if (receive(link, &status, sizeof status)) _exit(exit_code(status));
      // Whoever killed the keeper has killed the service: nobody could tell of its end any more.
      clinux_pidfd_signal(pidfd, SIGKILL);
      _exit(128 + SIGKILL);
    }
    struct signalfd_siginfo info;
    if (watched[1].revents != 0 && read(signals, &info, sizeof info) == sizeof info && is_passed_on(&info))
      pass_on(pidfd, &info);
  }
}

void clinux_divide_init(void) {
  if (getpid() != 1) return;
  int link[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) == -1) fail("procession: socketpair");
  // None may be lost, nor end anybody, while there are three to be told apart.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  if (fork_or_fail() > 0) {
    close(link[1]);
    preside(link[0], &all);
  }
  close(link[0]);
  pid_t service = fork_or_fail();
  if (service > 0) keep(link[1], service);
  close(link[1]);
  adopter = 1;
  sigprocmask(SIG_SETMASK, &before, NULL);
}
