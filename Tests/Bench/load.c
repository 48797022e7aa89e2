// A client for measuring servers: keep-alive connections driven by one epoll loop. ADDRESS is a port of 127.0.0.1 or
// the path of a Unix socket; the requests are HTTP's or Redis's.
//
// load rate ADDRESS CONNECTIONS SECONDS FILE...
//   Each connection sends the requests of the files in turn, each when the one before is answered. A run of '@' in a
//   request becomes a number, the same in one turn and new in the next. Prints requests, failures, seconds.
// load count ADDRESS CONNECTIONS TURNS FILE...
//   As `rate`, but ends after so many turns in all.
// load pace ADDRESS CONNECTIONS SECONDS RATE FILE...
//   As `rate`, but RATE requests a second in all, evenly spread. It never sleeps, so that no answer has to wake it.
// load park ADDRESS CONNECTIONS FILE TRIGGER
//   Sends FILE's request on every connection, prints a line when all are sent and awaits one on stdin; then sends
//   TRIGGER's on a connection of its own and prints the answers, the failures, the seconds until the first and the
//   last.
// load stream ADDRESS FILE TRIGGER
//   Sends FILE's request, sends TRIGGER's when the response's head has come, and reads the body to its end. Prints
//   bytes of the chunked body, seconds from the first to the last, and whether the body came to its end.
#include <err.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "client.h"

static struct text requests[8];
static int request_count;
static unsigned long turns;

static void send_next(struct connection *connection) {
  if (connection->step == 0) connection->turn = ++turns;
  send_request(connection, requests[connection->step], connection->turn);
}

static void rate(int connections, double seconds, unsigned long limit) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  unsigned long last = limit < ULONG_MAX - turns ? turns + limit : ULONG_MAX;
  if ((unsigned long)connections > limit) connections = (int)limit;
  struct connection *all = dial_all(epoll, connections);
  double start = now(), end = start + seconds;
  int busy = connections;
  for (int i = 0; i < connections; i++) send_next(&all[i]);
  while (busy > 0) {
    struct epoll_event events[256];
    int ready = epoll_wait(epoll, events, 256, 30000);
    if (ready <= 0) errx(1, "no answer for half a minute");
    bool is_over = now() >= end;
    for (int i = 0; i < ready; i++) {
      struct connection *connection = events[i].data.ptr;
      if (!receive(connection)) continue;
      connection->step = (connection->step + 1) % request_count;
      if (connection->step == 0 && (is_over || turns == last)) {
        busy--;
      } else {
        send_next(connection);
      }
    }
  }
  printf("%ld %ld %.6f\n", answered, failures, now() - start);
}

static void pace(int connections, double seconds, double rate) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct connection *all = dial_all(epoll, connections);
  bool *is_busy = calloc((size_t)connections, sizeof *is_busy);
  double start = now(), time = start;
  long sent = 0;
  while (time < start + seconds || answered < sent) {
    int next = (int)(sent % connections);
    if (time < start + seconds && time >= start + (double)sent / rate && !is_busy[next]) {
      is_busy[next] = true;
      sent++;
      send_next(&all[next]);
    }
    struct epoll_event events[256];
    int ready = epoll_wait(epoll, events, 256, 0);
    for (int i = 0; i < ready; i++) {
      struct connection *connection = events[i].data.ptr;
      if (!receive(connection)) continue;
      connection->step = (connection->step + 1) % request_count;
      is_busy[connection - all] = false;
    }
    time = now();
    if (time > start + seconds + 30) errx(1, "no answer for half a minute");
  }
  printf("%ld %ld %.6f\n", answered, failures, time - start);
}

static void park(int connections) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct connection *all = dial_all(epoll, connections);
  for (int i = 0; i < connections; i++) send_request(&all[i], requests[0], 0);
  puts("sent");
  fflush(stdout);
  if (getchar() == EOF) exit(1);
  int trigger = dial();
  double start = now(), first = 0, last = 0;
  send_all(trigger, requests[1].start, requests[1].count);
  while (answered < connections) {
    struct epoll_event events[256];
    int ready = epoll_wait(epoll, events, 256, 30000);
    if (ready <= 0) break;
    for (int i = 0; i < ready; i++) receive(events[i].data.ptr);
    last = now();
    if (first == 0) first = last;
  }
  printf("%ld %ld %.6f %.6f\n", answered, failures, first - start, last - start);
}

static void stream(void) {
  int fd = dial();
  send_all(fd, requests[0].start, requests[0].count);
  size_t size = 1 << 18, bytes = 0;
  char *buffer = malloc(size), *end = NULL, tail[5] = "";
  size_t filled = 0;
  while (end == NULL) {
    ssize_t count = recv(fd, buffer + filled, size - filled - 1, 0);
    if (count <= 0) errx(1, "no response");
    filled += (size_t)count;
    buffer[filled] = '\0';
    end = strstr(buffer, "\r\n\r\n");
  }
  if (buffer[9] != '2') errx(1, "%.*s", (int)strcspn(buffer, "\r"), buffer);
  send_all(dial(), requests[1].start, requests[1].count);
  double start = 0;
  ssize_t count;
  while ((count = recv(fd, buffer, size, 0)) > 0) {
    if (start == 0) start = now();
    bytes += (size_t)count;
    size_t part = count < 5 ? (size_t)count : 5;
    memmove(tail, tail + part, 5 - part);
    memcpy(tail + 5 - part, buffer + (size_t)count - part, part);
    if (memcmp(tail, "0\r\n\r\n", 5) == 0) break;
  }
  printf("%zu %.6f %s\n", bytes, now() - start, count > 0 ? "whole" : "cut");
}

int main(int count, char **arguments) {
  if (count < 5) errx(2, "usage: load rate|count|pace|park|stream ADDRESS ...");
  const char *mode = arguments[1], *first = arguments[3], *second = arguments[4];
  bool is_rate = strcmp(mode, "rate") == 0, is_count = strcmp(mode, "count") == 0, is_park = strcmp(mode, "park") == 0;
  bool is_pace = strcmp(mode, "pace") == 0 && count > 5, is_stream = strcmp(mode, "stream") == 0;
  int files = is_pace ? 6 : is_rate || is_count ? 5 : is_park ? 4 : 3;
  for (int i = files; i < count && request_count < 8; i++) requests[request_count++] = read_file(arguments[i]);
  if (request_count == 0) errx(2, "no request");
  use_server(arguments[2]);
  turns = (unsigned long)time(NULL) % 1000000 * 1000000;
  if (is_rate) {
    rate(atoi(first), atof(second), ULONG_MAX);
  } else if (is_count) {
    rate(atoi(first), 1e9, strtoul(second, NULL, 10));
  } else if (is_pace) {
    pace(atoi(first), atof(second), atof(arguments[5]));
  } else if (is_park && request_count == 2) {
    park(atoi(first));
  } else if (is_stream && request_count == 2) {
    stream();
  } else {
    errx(2, "no such mode");
  }
}
