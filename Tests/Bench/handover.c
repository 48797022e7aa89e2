// The time from a put to the answer of the get that waits for it, on a server where many others wait too.
//
// handover ADDRESS SAMPLES WAITING OTHERS GET PUT OTHER
//   WAITING connections send the request of the file GET, and OTHERS that of OTHER, each with a number of its own in
//   place of a run of '@', from 0. Prints a line when all are sent and awaits one on stdin. Then a second process sends
//   PUT's request SAMPLES times, and each connection that is answered sends GET's again. Prints the median and the 99th
//   percentile in seconds, and how many answers went to a connection when another still waited for an earlier turn.
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"

enum { WARM_UP = 20 };

static struct text get_request, put_request, other_request;
// When each put was sent, written by one process and read by the other.
static double *sent;

/// Puts a millisecond after each byte that it is given: the get that was sent before the byte must be parked by then.
static void put_all(int turns) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct connection connection = {.fd = dial()};
  char byte;
  for (int i = 0; read(turns, &byte, 1) == 1; i++) {
    usleep(1000);
    sent[i] = now();
    send_request(&connection, put_request, (unsigned long)i);
    while (!receive(&connection)) continue;
    if (failures > 0) exit(1);
  }
  exit(0);
}

static pid_t start_putting(int *turns) {
  int ends[2];
  if (pipe(ends) != 0) err(1, "pipe");
  pid_t child = fork();
  if (child < 0) err(1, "fork");
  if (child == 0) {
    close(ends[1]);
    put_all(ends[0]);
  }
  close(ends[0]);
  *turns = ends[1];
  return child;
}

/// The next of the waiting that is answered.
static struct connection *await(int epoll, const struct connection *others, int other_count) {
  while (1) {
    struct epoll_event event;
    int ready = epoll_wait(epoll, &event, 1, 30000);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) errx(1, "no answer for half a minute");
    struct connection *connection = event.data.ptr;
    if (connection >= others && connection < others + other_count) errx(1, "one who waits for nothing was answered");
    if (receive(connection)) return connection;
  }
}

static int compare(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return (difference > 0) - (difference < 0);
}

int main(int count, char **arguments) {
  if (count != 8) errx(2, "usage: handover ADDRESS SAMPLES WAITING OTHERS GET PUT OTHER");
  use_server(arguments[1]);
  int samples = atoi(arguments[2]), waiting = atoi(arguments[3]), other_count = atoi(arguments[4]);
  if (samples < 1 || waiting < 1) errx(2, "nothing to measure");
  get_request = read_file(arguments[5]);
  put_request = read_file(arguments[6]);
  other_request = read_file(arguments[7]);
  size_t size = (size_t)(samples + WARM_UP) * sizeof *sent;
  sent = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (sent == MAP_FAILED) err(1, "mmap");

  int epoll = epoll_create1(EPOLL_CLOEXEC), turns;
  struct connection *others = dial_all(epoll, other_count), *all = dial_all(epoll, waiting);
  for (int i = 0; i < other_count; i++) send_request(&others[i], other_request, (unsigned long)i);
  for (int i = 0; i < waiting; i++) send_request(&all[i], get_request, 0);
  puts("sent");
  fflush(stdout);
  if (getchar() == EOF) exit(1);

  pid_t child = start_putting(&turns);
  double *latencies = calloc((size_t)samples, sizeof *latencies);
  int *served = calloc((size_t)waiting, sizeof *served);
  long unfair = 0;
  for (int i = 0; i < samples + WARM_UP; i++) {
    if (write(turns, "", 1) != 1) err(1, "write");
    struct connection *connection = await(epoll, others, other_count);
    if (i >= WARM_UP) latencies[i - WARM_UP] = now() - sent[i];
    if (failures > 0) exit(1);
    // With N who wait, nobody is served again before each of the N was.
    if (served[connection - all]++ > i / waiting) unfair++;
    send_request(connection, get_request, 0);
  }
  close(turns);
  int status;
  if (waitpid(child, &status, 0) != child || status != 0) errx(1, "a put failed");
  qsort(latencies, (size_t)samples, sizeof *latencies, compare);
  printf("%.9f %.9f %ld\n", latencies[samples / 2], latencies[samples * 99 / 100], unfair);
}
