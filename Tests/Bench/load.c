// A client for measuring servers: keep-alive connections to 127.0.0.1 driven by one epoll loop.
//
// load rate PORT CONNECTIONS SECONDS FILE...
//   Each connection sends the requests of the files in turn, each when the one before is answered. A run of '@' in a
//   request becomes a number, the same in one turn and new in the next. Prints requests, failures, seconds.
// load pace PORT CONNECTIONS SECONDS RATE FILE...
//   As `rate`, but RATE requests a second in all, evenly spread. It never sleeps, so that no answer has to wake it.
// load park PORT CONNECTIONS FILE TRIGGER
//   Sends FILE's request on every connection, prints a line when all are sent and awaits one on stdin; then sends
//   TRIGGER's on a connection of its own and prints the answers, the failures, the seconds until the first and the last.
// load stream PORT FILE TRIGGER
//   Sends FILE's request, sends TRIGGER's when the response's head has come, and reads the body to its end. Prints bytes of
//   the chunked body, seconds from the first to the last, and whether the body came to its end.
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct text {
  char *start;
  size_t count;
};

struct connection {
  int fd, step;
  unsigned long turn;
  size_t head_count, body_left;
  bool in_body;
  char head[1024];
};

static struct sockaddr_in server = {.sin_family = AF_INET};
static struct text requests[8];
static int request_count;
static unsigned long turns;
static long answered, failures;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct text read_file(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) err(1, "%s", path);
  struct text text = {malloc(65536), 0};
  text.count = fread(text.start, 1, 65536, file);
  fclose(file);
  return text;
}

static int dial(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) err(1, "socket");
  // Closed by a reset: thousands of connections in TIME_WAIT would use up the ports.
  struct linger linger = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  if (connect(fd, (struct sockaddr *)&server, sizeof server) != 0) err(1, "connect");
  return fd;
}

static void send_all(int fd, const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
    if (sent <= 0) err(1, "send");
    bytes += sent;
    count -= (size_t)sent;
  }
}

static void send_next(struct connection *connection) {
  struct text request = requests[connection->step];
  char copy[65536];
  memcpy(copy, request.start, request.count);
  if (connection->step == 0) connection->turn = ++turns;
  for (size_t i = 0; i < request.count; i++) {
    if (copy[i] != '@') continue;
    size_t end = i;
    while (end < request.count && copy[end] == '@') end++;
    unsigned long number = connection->turn;
    for (size_t digit = end; digit-- > i; number /= 10) copy[digit] = (char)('0' + number % 10);
    i = end;
  }
  send_all(connection->fd, copy, request.count);
}

static size_t content_length(const char *head) {
  const char *line = strcasestr(head, "\r\nContent-Length:");
  return line ? strtoul(line + 17, NULL, 10) : 0;
}

/// Takes bytes of a response; true when it ends with them.
static bool take(struct connection *connection, const char *bytes, size_t count) {
  while (count > 0) {
    if (connection->in_body) {
      size_t part = count < connection->body_left ? count : connection->body_left;
      connection->body_left -= part;
      bytes += part;
      count -= part;
    } else {
      if (connection->head_count == sizeof connection->head - 1) errx(1, "the head of a response is too long");
      char *end = connection->head + connection->head_count++;
      *end = *bytes++;
      count--;
      if (*end != '\n' || connection->head_count < 4 || memcmp(end - 3, "\r\n\r\n", 4) != 0) continue;
      end[1] = '\0';
      connection->in_body = true;
      connection->body_left = content_length(connection->head);
    }
    if (connection->in_body && connection->body_left == 0) {
      if (connection->head[9] != '2') {
        if (failures++ == 0) fprintf(stderr, "load: %.*s\n", (int)strcspn(connection->head, "\r"), connection->head);
      }
      answered++;
      connection->in_body = false;
      connection->head_count = 0;
      return true;
    }
  }
  return false;
}

/// Reads once; true when a response has ended.
static bool receive(struct connection *connection) {
  char buffer[65536];
  ssize_t count = recv(connection->fd, buffer, sizeof buffer, 0);
  if (count < 0) err(1, "recv");
  if (count == 0) errx(1, "a connection was closed in the middle of a response");
  return take(connection, buffer, (size_t)count);
}

static struct connection *dial_all(int epoll, int count) {
  struct connection *all = calloc((size_t)count, sizeof *all);
  for (int i = 0; i < count; i++) {
    all[i].fd = dial();
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event) != 0) err(1, "epoll_ctl");
  }
  return all;
}

static void rate(int connections, double seconds) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
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
      if (is_over && connection->step == 0) {
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
  for (int i = 0; i < connections; i++) send_all(all[i].fd, requests[0].start, requests[0].count);
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
  struct connection connection = {.fd = dial()};
  send_all(connection.fd, requests[0].start, requests[0].count);
  size_t size = 1 << 18, bytes = 0;
  char *buffer = malloc(size), *end = NULL, tail[5] = "";
  size_t filled = 0;
  while (end == NULL) {
    ssize_t count = recv(connection.fd, buffer + filled, size - filled - 1, 0);
    if (count <= 0) errx(1, "no response");
    filled += (size_t)count;
    buffer[filled] = '\0';
    end = strstr(buffer, "\r\n\r\n");
  }
  if (buffer[9] != '2') errx(1, "%.*s", (int)strcspn(buffer, "\r"), buffer);
  send_all(dial(), requests[1].start, requests[1].count);
  double start = 0;
  ssize_t count;
  while ((count = recv(connection.fd, buffer, size, 0)) > 0) {
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
  if (count < 4) errx(2, "usage: load rate|pace|park|stream PORT ...");
  const char *mode = arguments[1];
  bool is_rate = strcmp(mode, "rate") == 0, is_park = strcmp(mode, "park") == 0;
  bool is_pace = strcmp(mode, "pace") == 0 && count > 5;
  int first = is_pace ? 6 : is_rate ? 5 : is_park ? 4 : 3;
  for (int i = first; i < count && request_count < 8; i++) requests[request_count++] = read_file(arguments[i]);
  if (request_count == 0) errx(2, "no request");
  server.sin_port = htons((uint16_t)atoi(arguments[2]));
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  turns = (unsigned long)time(NULL) % 1000000 * 1000000;
  if (is_rate) {
    rate(atoi(arguments[3]), atof(arguments[4]));
  } else if (is_pace) {
    pace(atoi(arguments[3]), atof(arguments[4]), atof(arguments[5]));
  } else if (is_park && request_count == 2) {
    park(atoi(arguments[3]));
  } else if (strcmp(mode, "stream") == 0 && request_count == 2) {
    stream();
  } else {
    errx(2, "no such mode");
  }
}
