// The parent's side of a spawn.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spawn_child.h"

// libc's other name for clone, which the thread sanitizer does not intercept: it takes every clone for a fork, and
// would release its locks twice, once in the child that shares them.
extern int __clone(int (*function)(void *), void *stack, int flags, void *argument, ...);

enum { STACK_BYTES = 64 * 1024 };

int clinux_spawn_stack_create(struct clinux_spawn_stack *stack) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t size = STACK_BYTES + page;
  void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (base == MAP_FAILED) return errno;
  if (mprotect(base, page, PROT_NONE) != 0) {
    int error = errno;
    munmap(base, size);
    return error;
  }
  stack->base = base;
  stack->size = size;
  return 0;
}

void clinux_spawn_stack_destroy(struct clinux_spawn_stack *stack) { munmap(stack->base, stack->size); }

pid_t clinux_announced_load(const pid_t *announced) { return __atomic_load_n(announced, __ATOMIC_SEQ_CST); }

void clinux_announced_clear(pid_t *announced) { __atomic_store_n(announced, 0, __ATOMIC_SEQ_CST); }

static bool fail(struct clinux_spawn_result *result, enum clinux_spawn_step step, int error) {
  *result = (struct clinux_spawn_result){.pid = 0, .pidfd = -1, .step = step, .error = error};
  return false;
}

// The kernel writes the pid to `announced` before the child's first instruction. It is the child that writes it, into
// the memory we share (CHILD_SETTID): clone has one place for both the parent's copy and the pidfd, and clone3, which
// has two, has no function in libc.
static pid_t start(struct clinux_spawn_call *call, const struct clinux_spawn_stack *stack, pid_t *announced,
                   int *pidfd) {
  // Blocked by the raw call, which does not leave out the signals that libc keeps for itself.
  uint64_t all = UINT64_MAX, before = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
  char *top = (char *)stack->base + stack->size;
  int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CHILD_SETTID | SIGCHLD;
  pid_t pid = __clone(clinux_spawn_child, top, flags, call, pidfd, NULL, announced);
  int error = errno;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
  errno = error;
  return pid;
}

static void discard(int pidfd) {
  siginfo_t info;
  while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) == -1 && errno == EINTR) continue;
  close(pidfd);
}

static bool open_cgroups(struct clinux_spawn_call *call) {
  for (char *const *path = call->spec->cgroups; *path != NULL; path++) {
    errno = E2BIG;
    if (call->cgroup_count == CLINUX_SPAWN_MAX_CGROUPS) return false;
    int fd = open(*path, O_WRONLY | O_CLOEXEC);
    if (fd == -1) return false;
    call->cgroups[call->cgroup_count++] = fd;
  }
  return true;
}

static void close_opened(const struct clinux_spawn_call *call) {
  if (call->cwd != -1) close(call->cwd);
  for (size_t i = 0; i < call->cgroup_count; i++) close(call->cgroups[i]);
}

bool clinux_spawn(const struct clinux_spawn_spec *spec, const struct clinux_spawn_stack *stack, pid_t *announced,
                  struct clinux_spawn_result *result) {
  if (spec->argv[0] == NULL) return fail(result, CLINUX_STEP_ARGUMENTS, EINVAL);
  if (spec->fd_count > CLINUX_SPAWN_MAX_FDS) return fail(result, CLINUX_STEP_FDS, E2BIG);
  struct clinux_spawn_call call = {.spec = spec, .parent = getpid(), .cwd = -1};
  if (spec->cwd != NULL) {
    call.cwd = open(spec->cwd, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (call.cwd == -1) return fail(result, CLINUX_STEP_CWD, errno);
  }
  if (!open_cgroups(&call)) {
    int error = errno;
    close_opened(&call);
    return fail(result, CLINUX_STEP_CGROUP, error);
  }
  int pidfd = -1;
  pid_t pid = start(&call, stack, announced, &pidfd);
  int error = errno;
  close_opened(&call);
  if (pid == -1) {
    clinux_announced_clear(announced);
    return fail(result, CLINUX_STEP_CLONE, error);
  }
  if (call.step != CLINUX_STEP_NONE) {
    discard(pidfd);
    clinux_announced_clear(announced);
    return fail(result, (enum clinux_spawn_step)call.step, call.error);
  }
  *result = (struct clinux_spawn_result){.pid = pid, .pidfd = pidfd, .step = CLINUX_STEP_NONE, .error = 0};
  return true;
}
