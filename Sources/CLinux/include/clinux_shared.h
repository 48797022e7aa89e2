// A mapping of a file that other programs have mapped too, and may truncate: a touch of what is gone is a SIGBUS, which
// these functions survive.
#ifndef PROCESSION_CLINUX_SHARED_H
#define PROCESSION_CLINUX_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clinux_shared;

/// Maps the first `size` bytes of a file, at least one. NULL and errno, or the mapping.
///
/// The first call takes over SIGBUS, which must not be blocked in any thread that uses a mapping. One that has another
/// cause than a lost mapping ends the process as it would have without us.
struct clinux_shared *clinux_shared_map(int fd, size_t size);

/// Nobody may use it any more.
void clinux_shared_unmap(struct clinux_shared *memory);

/// Calls it lost: every operation fails from now on.
void clinux_shared_lose(struct clinux_shared *memory);

// The operations, from any thread. False: the memory is lost, for good, and how much was done is not known.
//
// Those on one item are sequentially consistent, and atomic for all who have the memory mapped. `width` is 1, 2, 4 or 8
// and `offset` a multiple of it; both must lie within the mapping.

bool clinux_shared_load(struct clinux_shared *memory, size_t offset, size_t width, uint64_t *value);
bool clinux_shared_store(struct clinux_shared *memory, size_t offset, size_t width, uint64_t value);

/// Adds modulo 2^(8 * width). `before` becomes what was there.
bool clinux_shared_add(struct clinux_shared *memory, size_t offset, size_t width, uint64_t delta, uint64_t *before);

/// Stores `desired` if `expected` is there. `expected` becomes what was there, and so stays itself after a store.
bool clinux_shared_compare_exchange(struct clinux_shared *memory, size_t offset, size_t width, uint64_t *expected,
                                    uint64_t desired);

/// Copy `count` bytes from and to `offset`, in ascending order. An item of up to 8 bytes that lies at a multiple of its
/// size is never seen half written; the copy as a whole is not atomic.
bool clinux_shared_read(struct clinux_shared *memory, size_t offset, void *to, size_t count);
bool clinux_shared_write(struct clinux_shared *memory, size_t offset, const void *from, size_t count);

#endif
