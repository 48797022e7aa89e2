// Starting a child: what is to run, and what became of it.
#ifndef PROCESSION_CLINUX_SPAWN_H
#define PROCESSION_CLINUX_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// What failed. 0 is nothing; the order is the order in which a child does them.
enum clinux_spawn_step {
  CLINUX_STEP_NONE = 0,
  CLINUX_STEP_ARGUMENTS,
  CLINUX_STEP_CWD,
  CLINUX_STEP_CLONE,
  CLINUX_STEP_CGROUP,
  CLINUX_STEP_SIGNALS,
  CLINUX_STEP_SESSION,
  CLINUX_STEP_FDS,
  CLINUX_STEP_TTY,
  CLINUX_STEP_RLIMIT,
  CLINUX_STEP_SETGROUPS,
  CLINUX_STEP_SETGID,
  CLINUX_STEP_SETUID,
  CLINUX_STEP_PRIVILEGES,
  CLINUX_STEP_EXEC,
};

/// More are refused (E2BIG): a child's stack is small.
#define CLINUX_SPAWN_MAX_FDS 1024
#define CLINUX_SPAWN_MAX_CGROUPS 8

/// `source` of the parent is `target` in the child. Either may occur among the others.
struct clinux_spawn_fd {
  int source, target;
};

struct clinux_spawn_rlimit {
  int resource;
  uint64_t soft, hard;
};

/// The stack that a child runs on until it has become another program. One child at a time.
struct clinux_spawn_stack {
  void *base;
  size_t size;
};

struct clinux_spawn_spec {
  char *const *argv;         // NULL-terminated, at least one
  char *const *envp;         // NULL-terminated
  char *const *candidates;   // NULL-terminated: the files to try in turn, as execvp would
  char *const *cgroups;      // NULL-terminated: the cgroup.procs of those that the child is to be in
  const char *cwd;           // NULL: the parent's
  uint32_t umask;
  const struct clinux_spawn_fd *fds;  // by ascending target, no target twice; all other descriptors are closed
  size_t fd_count;
  const struct clinux_spawn_rlimit *rlimits;
  size_t rlimit_count;
  uint64_t ignored_signals;  // bit n-1: signal n starts ignored; all others start with their default action
  uint64_t blocked_signals;  // bit n-1: signal n starts blocked
  int terminal;              // a target that becomes the controlling terminal, or -1
  /// Leaves the caller's process undumpable (prctl(2)), which must not be undone: it is what keeps that user's other
  /// processes out of the memory that the child shares until exec.
  bool change_identity;
  uid_t uid;
  gid_t gid;
  const gid_t *groups;
  size_t group_count;
  bool no_new_privileges;
  /// SIGKILL when the *thread* that calls clinux_spawn ends: only for callers whose thread lives as long as the daemon.
  bool die_with_parent;
};

struct clinux_spawn_result {
  pid_t pid;
  int pidfd;
  enum clinux_spawn_step step;
  int error;
};

/// 0, or the errno.
int clinux_spawn_stack_create(struct clinux_spawn_stack *stack);
void clinux_spawn_stack_destroy(struct clinux_spawn_stack *stack);

/// Starts a child in a session and group of its own, and returns when it runs the new program or has failed to.
///
/// The cost does not depend on the size of the caller's memory. Returns true with a pid and a close-on-exec pidfd, or
/// false with a step and an errno, and then nothing is left: no process, no zombie, no descriptor.
///
/// `announced` holds the child's pid before the child can have exited, so that whoever reaps orphans on another thread
/// does not take it for one. It is 0 again after a failure; after a success the caller clears it.
bool clinux_spawn(const struct clinux_spawn_spec *spec, const struct clinux_spawn_stack *stack, pid_t *announced,
                  struct clinux_spawn_result *result);

/// Reads and clears what `announced` points to, from any thread.
pid_t clinux_announced_load(const pid_t *announced);
void clinux_announced_clear(pid_t *announced);

#endif
