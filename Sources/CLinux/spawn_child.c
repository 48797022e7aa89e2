// All that runs between clone and exec. The child shares the parent's memory, whose thread waits: it may read what it
// was given and write its own stack and the call's result, nothing else. Only raw system calls: libc's setuid and its
// like would signal the parent's threads, and execve and dup2 are a sanitizer's to intercept.
#include "spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct kernel_sigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)(void);
  uint64_t mask;
};

CLINUX_CHILD_SIDE static bool ok(long result) { return result != -1; }

// Before all else, so that nothing the child does is outside of them. 0 is whoever writes it.
CLINUX_CHILD_SIDE static bool enter_cgroups(const struct clinux_spawn_call *call) {
  for (size_t i = 0; i < call->cgroup_count; i++) {
    if (!ok(syscall(SYS_write, call->cgroups[i], "0", 1))) return false;
  }
  return true;
}

// All signals are blocked meanwhile: none may run a handler of the parent's here. Those that libc keeps for itself (32,
// 33) are reset too, by the raw call that it does not refuse; the parent's own table is another.
CLINUX_CHILD_SIDE static bool reset_signals(const struct clinux_spawn_spec *spec) {
  struct kernel_sigaction action = {.flags = 0, .restorer = NULL, .mask = 0};
  for (int signal = 1; signal <= CLINUX_LAST_SIGNAL; signal++) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    action.handler = (spec->ignored_signals >> (signal - 1)) & 1 ? SIG_IGN : SIG_DFL;
    if (!ok(syscall(SYS_rt_sigaction, signal, &action, NULL, sizeof action.mask))) return false;
  }
  return true;
}

// A source that some target may overwrite is first copied above all targets. No copy is equal to its target, which
// matters: dup2 of a descriptor onto itself would leave it close-on-exec.
CLINUX_CHILD_SIDE static bool place_fds(const struct clinux_spawn_fd *fds, size_t count) {
  int above = count == 0 ? 0 : fds[count - 1].target + 1;
  int sources[CLINUX_SPAWN_MAX_FDS];
  for (size_t i = 0; i < count; i++) {
    sources[i] = fds[i].source;
    if (sources[i] >= above) continue;
    sources[i] = (int)syscall(SYS_fcntl, fds[i].source, F_DUPFD_CLOEXEC, above);
    if (sources[i] == -1) return false;
  }
  for (size_t i = 0; i < count; i++) {
    if (!ok(syscall(SYS_dup3, sources[i], fds[i].target, 0))) return false;
  }
  unsigned next = 0;
  for (size_t i = 0; i < count; i++) {
    unsigned target = (unsigned)fds[i].target;
    if (target > next && !clinux_spawn_close(next, target - 1)) return false;
    next = target + 1;
  }
  return clinux_spawn_close(next, UINT_MAX);
}

CLINUX_CHILD_SIDE static int set_limits(const struct clinux_spawn_spec *spec) {
  for (size_t i = 0; i < spec->rlimit_count; i++) {
    struct rlimit limit = {spec->rlimits[i].soft, spec->rlimits[i].hard};
    if (!ok(syscall(SYS_prlimit64, 0, spec->rlimits[i].resource, &limit, NULL))) return CLINUX_STEP_RLIMIT;
  }
  return CLINUX_STEP_NONE;
}

// Groups first, the user last: the right to change the others goes with it. From here to exec another user's process
// has our memory, and that user must not get at it: the kernel has made the memory undumpable with the change of
// identity, so that no tracer without privileges may attach.
CLINUX_CHILD_SIDE static int change_identity(const struct clinux_spawn_spec *spec) {
  if (!ok(syscall(SYS_setgroups, spec->group_count, spec->groups))) return CLINUX_STEP_SETGROUPS;
  if (!ok(syscall(SYS_setresgid, spec->gid, spec->gid, spec->gid))) return CLINUX_STEP_SETGID;
  if (!ok(syscall(SYS_setresuid, spec->uid, spec->uid, spec->uid))) return CLINUX_STEP_SETUID;

  // Trust nothing: a child with a foreign id, or with a way back to root, must not run.
  gid_t gids[3] = {0, 0, 0};
  uid_t uids[3] = {0, 0, 0};
  errno = EPERM;
  if (!ok(syscall(SYS_getresgid, &gids[0], &gids[1], &gids[2]))) return CLINUX_STEP_SETGID;
  if (gids[0] != spec->gid || gids[1] != spec->gid || gids[2] != spec->gid) return CLINUX_STEP_SETGID;
  if (!ok(syscall(SYS_getresuid, &uids[0], &uids[1], &uids[2]))) return CLINUX_STEP_SETUID;
  if (uids[0] != spec->uid || uids[1] != spec->uid || uids[2] != spec->uid) return CLINUX_STEP_SETUID;
  if (spec->uid != 0 && ok(syscall(SYS_setuid, 0))) {
    errno = EPERM;
    return CLINUX_STEP_SETUID;
  }
  return CLINUX_STEP_NONE;
}

// After the identity: changing it clears the death signal. A parent that has died before this is not the parent now.
CLINUX_CHILD_SIDE static bool restrict_privileges(const struct clinux_spawn_call *call) {
  const struct clinux_spawn_spec *spec = call->spec;
  if (spec->no_new_privileges && !ok(syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))) return false;
  if (!spec->die_with_parent) return true;
  if (!ok(syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))) return false;
  errno = ESRCH;
  return syscall(SYS_getppid) == call->parent;
}

// As execvp: a file that is not there is passed over, one that may not be run is remembered, and anything else ends the
// search. A file without a known format is never given to a shell.
CLINUX_CHILD_SIDE static void execute(const struct clinux_spawn_spec *spec) {
  bool refused = false;
  errno = ENOENT;
  for (size_t i = 0; spec->candidates[i] != NULL; i++) {
    syscall(SYS_execve, spec->candidates[i], spec->argv, spec->envp);
    if (errno == EACCES) {
      refused = true;
    } else if (errno != ENOENT && errno != ENOTDIR && errno != ESTALE && errno != ENODEV && errno != ETIMEDOUT) {
      return;
    }
  }
  if (refused) errno = EACCES;
}

CLINUX_CHILD_SIDE static int prepare(const struct clinux_spawn_call *call) {
  const struct clinux_spawn_spec *spec = call->spec;
  if (!enter_cgroups(call)) return CLINUX_STEP_CGROUP;
  if (!reset_signals(spec)) return CLINUX_STEP_SIGNALS;
  if (!ok(syscall(SYS_setsid))) return CLINUX_STEP_SESSION;
  if (call->cwd != -1 && !ok(syscall(SYS_fchdir, call->cwd))) return CLINUX_STEP_CWD;
  syscall(SYS_umask, spec->umask);
  if (!place_fds(spec->fds, spec->fd_count)) return CLINUX_STEP_FDS;
  if (spec->terminal != -1 && !ok(syscall(SYS_ioctl, spec->terminal, TIOCSCTTY, 0))) return CLINUX_STEP_TTY;
  int step = set_limits(spec);
  if (step == CLINUX_STEP_NONE && spec->change_identity) step = change_identity(spec);
  if (step != CLINUX_STEP_NONE) return step;
  if (!restrict_privileges(call)) return CLINUX_STEP_PRIVILEGES;
  uint64_t mask = spec->blocked_signals;
  if (!ok(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask))) return CLINUX_STEP_SIGNALS;
  return CLINUX_STEP_NONE;
}

CLINUX_CHILD_SIDE int clinux_spawn_child(void *argument) {
  struct clinux_spawn_call *call = argument;
  int step = prepare(call);
  if (step == CLINUX_STEP_NONE) {
    execute(call->spec);
    step = CLINUX_STEP_EXEC;
  }
  call->error = errno;
  call->step = step;
  for (;;) syscall(SYS_exit_group, 127);
}
