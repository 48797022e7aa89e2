// What starting and reaping a child costs at the least: /bin/true by posix_spawn and waitpid, one after the other.
//
// spawn_loop SECONDS MIB: touches MIB mebibytes first; prints the number of children and the seconds they took.
#include <err.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
  if (count != 3) errx(2, "usage: spawn_loop SECONDS MIB");
  size_t size = (size_t)atol(arguments[2]) << 20;
  char *memory = malloc(size + 1);
  if (memory == NULL) err(1, "malloc");
  memset(memory, 1, size + 1);
  char *argv[] = {"/bin/true", NULL}, *envp[] = {"PATH=/usr/bin:/bin", NULL};
  double start = now(), end = start + atof(arguments[1]), time;
  long children = 0;
  do {
    pid_t pid;
    int status, code = posix_spawn(&pid, argv[0], NULL, NULL, argv, envp);
    if (code != 0) errx(1, "posix_spawn: %s", strerror(code));
    if (waitpid(pid, &status, 0) != pid || status != 0) errx(1, "/bin/true failed");
    children++;
  } while ((time = now()) < end);
  printf("%ld %.6f %d\n", children, time - start, memory[size]);
}
