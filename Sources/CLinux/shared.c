#include "clinux_shared.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

struct clinux_shared {
  char *base;
  size_t size;
  atomic_bool is_lost;
};

// Where a thread that is touching a mapping goes on if that is not there.
struct way_back {
  const struct clinux_shared *memory;
  sigjmp_buf jump;
};

// Read by a signal handler, and so in the memory that a thread has from its start: none is allocated at a first use.
static _Thread_local struct way_back *volatile way_back __attribute__((tls_model("initial-exec")));

static struct sigaction previous;

static void on_bus_error(int signal, siginfo_t *info, void *context) {
  struct way_back *way = way_back;
  uintptr_t address = (uintptr_t)info->si_addr;
  if (way != NULL && info->si_code == BUS_ADRERR) {
    uintptr_t base = (uintptr_t)way->memory->base;
    if (address >= base && address - base < way->memory->size) {
      // The jump leaves the mask alone, so that sigsetjmp need not ask for it at every touch.
      pthread_sigmask(SIG_SETMASK, &((ucontext_t *)context)->uc_sigmask, NULL);
      siglongjmp(way->jump, 1);
    }
  }
  // Not ours. A fault comes again as soon as we return; a signal that somebody sent does not.
  sigaction(signal, &previous, NULL);
  if (info->si_code <= 0) raise(signal);
}

static void take_over(void) {
  struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &previous);
}

struct clinux_shared *clinux_shared_map(int fd, size_t size) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, take_over);
  struct clinux_shared *memory = malloc(sizeof *memory);
  if (memory == NULL) return NULL;
  void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) {
    free(memory);
    return NULL;
  }
  memory->base = base;
  memory->size = size;
  atomic_init(&memory->is_lost, false);
  return memory;
}

void clinux_shared_unmap(struct clinux_shared *memory) {
  munmap(memory->base, memory->size);
  free(memory);
}

void clinux_shared_lose(struct clinux_shared *memory) { atomic_store(&memory->is_lost, true); }

static bool is_lost(struct clinux_shared *memory) {
  return atomic_load_explicit(&memory->is_lost, memory_order_relaxed);
}

static bool lose(struct clinux_shared *memory) {
  way_back = NULL;
  clinux_shared_lose(memory);
  return false;
}

// A sanitizer's atomics take locks of its own, which a jump out of them would leave taken: below they are the
// processor's.
#pragma clang attribute push(__attribute__((disable_sanitizer_instrumentation)), apply_to = function)

// The body of an operation: does `touch`, and returns whether the memory was there. A macro, because a function that
// has returned cannot be jumped back into. All that the jump cuts off is an access below, with nothing to be undone.
#define TOUCH(memory, touch)                            \
  if (is_lost(memory)) return false;                    \
  struct way_back way = {.memory = (memory)};           \
  if (sigsetjmp(way.jump, 0) != 0) return lose(memory); \
  way_back = &way;                                      \
  atomic_signal_fence(memory_order_seq_cst);            \
  touch;                                                \
  atomic_signal_fence(memory_order_seq_cst);            \
  way_back = NULL;                                      \
  return true

#define FOR_WIDTH(width, DO)     \
  switch (width) {               \
    case 1: DO(uint8_t); break;  \
    case 2: DO(uint16_t); break; \
    case 4: DO(uint32_t); break; \
    default: DO(uint64_t);       \
  }

bool clinux_shared_load(struct clinux_shared *memory, size_t offset, size_t width, uint64_t *value) {
  void *at = memory->base + offset;
#define LOAD(word) *value = __atomic_load_n((word *)at, __ATOMIC_SEQ_CST)
  TOUCH(memory, FOR_WIDTH(width, LOAD));
}

bool clinux_shared_store(struct clinux_shared *memory, size_t offset, size_t width, uint64_t value) {
  void *at = memory->base + offset;
#define STORE(word) __atomic_store_n((word *)at, (word)value, __ATOMIC_SEQ_CST)
  TOUCH(memory, FOR_WIDTH(width, STORE));
}

bool clinux_shared_add(struct clinux_shared *memory, size_t offset, size_t width, uint64_t delta, uint64_t *before) {
  void *at = memory->base + offset;
#define ADD(word) *before = __atomic_fetch_add((word *)at, (word)delta, __ATOMIC_SEQ_CST)
  TOUCH(memory, FOR_WIDTH(width, ADD));
}

bool clinux_shared_compare_exchange(struct clinux_shared *memory, size_t offset, size_t width, uint64_t *expected,
                                    uint64_t desired) {
  void *at = memory->base + offset;
#define EXCHANGE(word)                                                                                     \
  {                                                                                                        \
    word there = (word)*expected;                                                                          \
    __atomic_compare_exchange_n((word *)at, &there, (word)desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
    *expected = there;                                                                                     \
  }
  TOUCH(memory, FOR_WIDTH(width, EXCHANGE));
}

// The widest word that may stand at this place and has no more than `count` bytes.
static size_t width_at(const char *place, size_t count) {
  size_t width = 8;
  while (width > count || (uintptr_t)place % width != 0) width /= 2;
  return width;
}

static void read_word(char *to, const char *from, size_t width) {
#define READ(word)                                                      \
  {                                                                     \
    word value = __atomic_load_n((const word *)from, __ATOMIC_ACQUIRE); \
    memcpy(to, &value, sizeof value);                                   \
  }
  FOR_WIDTH(width, READ);
}

static void write_word(char *to, const char *from, size_t width) {
#define WRITE(word)                                        \
  {                                                        \
    word value;                                            \
    memcpy(&value, from, sizeof value);                    \
    __atomic_store_n((word *)to, value, __ATOMIC_RELEASE); \
  }
  FOR_WIDTH(width, WRITE);
}

// Words of the memory, so that what lies at a multiple of its size is in one of them: bytes up to the first word of 8,
// then those, for which the compiler makes a loop without a choice, then the rest.
#define COPY(copy_word, place)                                            \
  while (count > 0) {                                                     \
    size_t width = width_at(place, count);                                \
    size_t run = width == 8 ? count - count % 8 : width;                  \
    if (width == 8) {                                                     \
      for (size_t i = 0; i < run; i += 8) copy_word(to + i, from + i, 8); \
    } else {                                                              \
      copy_word(to, from, width);                                         \
    }                                                                     \
    to += run;                                                            \
    from += run;                                                          \
    count -= run;                                                         \
  }

static void copy_out(char *to, const char *from, size_t count) { COPY(read_word, from); }

static void copy_in(char *to, const char *from, size_t count) { COPY(write_word, to); }

bool clinux_shared_read(struct clinux_shared *memory, size_t offset, void *to, size_t count) {
  TOUCH(memory, copy_out(to, memory->base + offset, count));
}

bool clinux_shared_write(struct clinux_shared *memory, size_t offset, const void *from, size_t count) {
  TOUCH(memory, copy_in(memory->base + offset, from, count));
}

#pragma clang attribute pop
