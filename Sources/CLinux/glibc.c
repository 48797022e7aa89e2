#include "CLinux.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

void clinux_set_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

const char *clinux_errno_symbol(int number) { return strerrorname_np(number); }

const char *clinux_errno_message(int number) { return strerrordesc_np(number); }

int clinux_signalfd(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int clinux_memfd(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

void clinux_share_heap(void) { mallopt(M_ARENA_MAX, 1); }

pid_t clinux_ended_child(void) {
  siginfo_t info;
  info.si_pid = 0;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
}

int clinux_rlimit_nproc(void) { return RLIMIT_NPROC; }

int clinux_bytes_waiting(int fd) {
  int count = 0;
  return ioctl(fd, FIONREAD, &count) == 0 ? count : 0;
}
