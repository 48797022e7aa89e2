// What the programs that load and time servers share: requests from files, connections, and where an answer ends.
#pragma once
#include <stdbool.h>
#include <stddef.h>

/// A request as it goes over the wire: HTTP, or Redis's protocol when it starts with '*'.
struct text {
  char *start;
  size_t count;
};

struct connection {
  int fd, step;
  unsigned long turn;
  // An answer is one part; with Redis each element of an array is one more.
  long parts_left;
  size_t head_count, body_left;
  bool is_redis;
  char head[1024];
};

/// Answers that came whole, and those of them that were errors: not 2xx, or with Redis an error or nil.
extern long answered, failures;

double now(void);

/// ADDRESS is a port of 127.0.0.1 or the path of a Unix socket. Allows this process all the descriptors it may have.
void use_server(const char *address);

struct text read_file(const char *path);

int dial(void);

/// COUNT connections, in the order of dialling, that EPOLL reports with their address in `data.ptr`.
struct connection *dial_all(int epoll, int count);

void send_all(int fd, const char *bytes, size_t count);

/// Sends REQUEST with each run of '@' in it replaced by NUMBER, and prepares for its answer.
void send_request(struct connection *connection, struct text request, unsigned long number);

/// Takes bytes of an answer; true when it ends with them.
bool take(struct connection *connection, const char *bytes, size_t count);

/// Reads once; true when an answer has ended.
bool receive(struct connection *connection);
