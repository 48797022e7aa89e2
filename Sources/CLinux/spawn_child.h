// The two sides of a spawn, between themselves. Not seen by Swift.
#ifndef PROCESSION_SPAWN_CHILD_H
#define PROCESSION_SPAWN_CHILD_H

#include "clinux_spawn.h"

#define CLINUX_LAST_SIGNAL 64

// A child runs in the parent's memory with the parent's thread-local storage, and never returns: a sanitizer's
// bookkeeping would be the parent's, and be left unbalanced.
#if __has_attribute(disable_sanitizer_instrumentation)
#define CLINUX_CHILD_SIDE \
  __attribute__((no_sanitize("address", "thread", "undefined"), disable_sanitizer_instrumentation, no_stack_protector))
#else
#define CLINUX_CHILD_SIDE __attribute__((no_sanitize("address", "thread", "undefined")))
#endif

struct clinux_spawn_call {
  const struct clinux_spawn_spec *spec;
  pid_t parent;
  int cwd;  // -1: stay where we are
  int cgroups[CLINUX_SPAWN_MAX_CGROUPS];
  size_t cgroup_count;
  volatile int step;
  volatile int error;
};

/// What a child runs: becomes the program, or writes step and error and ends.
int clinux_spawn_child(void *call);

/// Closes every descriptor from `first` to `last`. False, with errno, if some may be open still.
bool clinux_spawn_close(unsigned first, unsigned last);

#endif
