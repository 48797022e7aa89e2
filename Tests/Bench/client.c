#include "client.h"

#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

long answered, failures;

static union {
  struct sockaddr any;
  struct sockaddr_in port;
  struct sockaddr_un path;
} server;

double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void use_server(const char *address) {
  if (strchr(address, '/') != NULL) {
    server.path.sun_family = AF_UNIX;
    if (strlen(address) >= sizeof server.path.sun_path) errx(2, "the path of the socket is too long");
    strcpy(server.path.sun_path, address);
  } else {
    server.port.sin_family = AF_INET;
    server.port.sin_port = htons((uint16_t)atoi(address));
    server.port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

struct text read_file(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) err(1, "%s", path);
  struct text text = {malloc(65536), 0};
  text.count = fread(text.start, 1, 65536, file);
  if (text.count == 0 || fgetc(file) != EOF) errx(1, "%s is empty or too long", path);
  fclose(file);
  return text;
}

int dial(void) {
  int fd = socket(server.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) err(1, "socket");
  // Closed by a reset: thousands of connections in TIME_WAIT would use up the ports.
  struct linger linger = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  socklen_t size = server.any.sa_family == AF_UNIX ? sizeof server.path : sizeof server.port;
  if (connect(fd, &server.any, size) != 0) err(1, "connect");
  return fd;
}

struct connection *dial_all(int epoll, int count) {
  struct connection *all = calloc((size_t)count, sizeof *all);
  if (all == NULL) err(1, "calloc");
  for (int i = 0; i < count; i++) {
    all[i].fd = dial();
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event) != 0) err(1, "epoll_ctl");
  }
  return all;
}

void send_all(int fd, const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
    if (sent <= 0) err(1, "send");
    bytes += sent;
    count -= (size_t)sent;
  }
}

void send_request(struct connection *connection, struct text request, unsigned long number) {
  char copy[65536];
  memcpy(copy, request.start, request.count);
  for (size_t i = 0; i < request.count; i++) {
    if (copy[i] != '@') continue;
    size_t end = i;
    while (end < request.count && copy[end] == '@') end++;
    unsigned long rest = number;
    for (size_t digit = end; digit-- > i; rest /= 10) copy[digit] = (char)('0' + rest % 10);
    i = end;
  }
  connection->is_redis = copy[0] == '*';
  connection->parts_left = 1;
  send_all(connection->fd, copy, request.count);
}

static bool is_head_whole(const struct connection *connection) {
  const char *end = connection->head + connection->head_count;
  if (connection->is_redis) return end[-1] == '\n';
  return connection->head_count >= 4 && memcmp(end - 4, "\r\n\r\n", 4) == 0;
}

/// Whether the head says that all is well; it ends in a zero byte.
static bool read_head(struct connection *connection) {
  const char *head = connection->head;
  connection->parts_left--;
  if (!connection->is_redis) {
    const char *line = strcasestr(head, "\r\nContent-Length:");
    connection->body_left = line ? strtoul(line + 17, NULL, 10) : 0;
    return head[9] == '2';
  }
  long size = atol(head + 1);
  if (head[0] == '$' && size >= 0) connection->body_left = (size_t)size + 2;
  if (head[0] == '*' && size > 0) connection->parts_left += size;
  return head[0] != '-' && !((head[0] == '$' || head[0] == '*') && size < 0);
}

bool take(struct connection *connection, const char *bytes, size_t count) {
  while (count > 0) {
    if (connection->body_left > 0) {
      size_t part = count < connection->body_left ? count : connection->body_left;
      connection->body_left -= part;
      bytes += part;
      count -= part;
    } else {
      if (connection->head_count == sizeof connection->head - 1) errx(1, "the head of an answer is too long");
      connection->head[connection->head_count++] = *bytes++;
      count--;
      if (!is_head_whole(connection)) continue;
      connection->head[connection->head_count] = '\0';
      connection->head_count = 0;
      if (!read_head(connection) && failures++ == 0)
        fprintf(stderr, "the first failure: %.*s\n", (int)strcspn(connection->head, "\r"), connection->head);
    }
    if (connection->body_left == 0 && connection->parts_left == 0) {
      answered++;
      return true;
    }
  }
  return false;
}

bool receive(struct connection *connection) {
  char buffer[65536];
  ssize_t count = recv(connection->fd, buffer, sizeof buffer, 0);
  if (count < 0) err(1, "recv");
  if (count == 0) errx(1, "a connection was closed before its answer");
  return take(connection, buffer, (size_t)count);
}
