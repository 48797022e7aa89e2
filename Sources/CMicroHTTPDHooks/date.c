#include <dlfcn.h>
#include <stdbool.h>
#include <time.h>

static struct tm *(*convert)(const time_t *, struct tm *);

__attribute__((constructor)) static void find(void) { *(void **)&convert = dlsym(RTLD_NEXT, "gmtime_r"); }

static __thread struct {
  time_t second;
  struct tm parts;
  bool is_set;
} last;

/// Each response has a Date: that of the same second is not worked out again.
struct tm *gmtime_r(const time_t *second, struct tm *parts) {
  if (!last.is_set || last.second != *second) {
    if (convert(second, &last.parts) == NULL) return NULL;
    last.second = *second;
    last.is_set = true;
  }
  *parts = last.parts;
  return parts;
}
