// Adds 1 to the second item of a mapped array with atomic instructions, as a local program beside the service would:
// `adder PATH TYPECODE ROUNDS`.
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// Compare and swap for floating-point types, one instruction for integers.
#define ADD(type)                                                                  \
  {                                                                                \
    _Atomic type *item = (_Atomic type *)memory + 1;                               \
    for (long left = atol(argv[3]); left > 0; left--) {                            \
      type old = atomic_load(item);                                                \
      while (!atomic_compare_exchange_weak(item, &old, (type)(old + 1))) continue; \
    }                                                                              \
    return 0;                                                                      \
  }
#define ADD_INTEGER(type)                                                        \
  {                                                                              \
    _Atomic type *item = (_Atomic type *)memory + 1;                             \
    for (long left = atol(argv[3]); left > 0; left--) atomic_fetch_add(item, 1); \
    return 0;                                                                    \
  }

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int fd = open(argv[1], O_RDWR);
  void *memory = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (fd == -1 || memory == MAP_FAILED) return 1;
  switch (argv[2][0]) {
    case 'b': ADD_INTEGER(signed char)
    case 'H': ADD_INTEGER(unsigned short)
    case 'i': ADD_INTEGER(int)
    case 'Q': ADD_INTEGER(unsigned long long)
    case 'f': ADD(float)
    case 'd': ADD(double)
    default: return 2;
  }
}
