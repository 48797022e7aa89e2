#include "clinux_arguments.h"

#include <stddef.h>

static char **arguments;

// glibc gives constructors what it gives main.
__attribute__((constructor)) static void keep_arguments(int count, char **values, char **environment) {
  (void)count;
  (void)environment;
  arguments = values;
}

char *const *clinux_arguments(void) {
  static char *none[] = {NULL};
  return arguments ? arguments : none;
}
