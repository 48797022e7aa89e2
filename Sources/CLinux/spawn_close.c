// Closing all but a few descriptors, between clone and exec: system calls only, no allocation.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spawn_child.h"

struct entry {  // the kernel's linux_dirent64
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t type;
  char name[];
};

CLINUX_CHILD_SIDE static bool descriptor_of(const struct entry *entry, unsigned *fd) {
  unsigned number = 0;
  if (entry->name[0] == '\0') return false;
  for (const char *digit = entry->name; *digit != '\0'; digit++) {
    if (*digit < '0' || *digit > '9') return false;
    number = number * 10 + (unsigned)(*digit - '0');
  }
  *fd = number;
  return true;
}

// Closing while reading is safe here: procfs goes on from a descriptor's number, not from a place in a list.
CLINUX_CHILD_SIDE static bool close_listed(unsigned first, unsigned last) {
  long listing = syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (listing < 0) return false;
  _Alignas(struct entry) char buffer[1024];
  long count;
  while ((count = syscall(SYS_getdents64, listing, buffer, sizeof buffer)) > 0) {
    for (long at = 0; at < count;) {
      const struct entry *entry = (const void *)(buffer + at);
      unsigned fd;
      if (descriptor_of(entry, &fd) && fd >= first && fd <= last && fd != (unsigned)listing) syscall(SYS_close, fd);
      at += entry->length;
    }
  }
  syscall(SYS_close, listing);
  return count == 0;
}

CLINUX_CHILD_SIDE static bool close_all(unsigned first, unsigned last) {
  struct rlimit limit;
  if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) != 0) return false;
  for (unsigned fd = first; fd <= last && fd < limit.rlim_cur; fd++) syscall(SYS_close, fd);
  return true;
}

CLINUX_CHILD_SIDE bool clinux_spawn_close(unsigned first, unsigned last) {
  if (first > last) return true;
#ifdef SYS_close_range
  if (syscall(SYS_close_range, first, last, 0) == 0) return true;
#endif
  // Linux before 5.9, or a filter that does not know the call.
  return close_listed(first, last) || close_all(first, last);
}
