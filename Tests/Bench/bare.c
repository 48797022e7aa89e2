// The least that libmicrohttpd can cost: one epoll loop that accepts connections and runs one daemon with the service's
// flags, limits and header fields, and answers every request with the same response, made once.
//
// bare PORT SIZE [put]: prints a line when it listens on 127.0.0.1; SIZE is that of the body. With `put` a request that
// brings a body is answered 204 without one, as a queue answers what is put into it.
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct answer {
  unsigned int status;
  struct MHD_Response *response;
};

static struct answer plain, after_body;

/// As much as the service has for the largest head that it takes: HeadLimits.connectionMemory.
enum { connection_memory = 2048 + 8192 + 64 * 64 + 1024 };

static enum MHD_Result handle(
    void *context, struct MHD_Connection *connection, const char *target, const char *method, const char *version,
    const char *data, size_t *size, void **slot) {
  (void)context, (void)target, (void)method, (void)version, (void)data;
  if (*slot == NULL) {
    *slot = &plain;
    return MHD_YES;
  }
  if (*size != 0) {
    *slot = &after_body;
    *size = 0;
    return MHD_YES;
  }
  const struct answer *answer = *slot;
  return MHD_queue_response(connection, answer->status, answer->response);
}

static void add_field(struct MHD_Response *response, const char *name, const char *value) {
  if (MHD_add_response_header(response, name, value) != MHD_YES) errx(1, "no response");
}

static struct answer prepare(unsigned int status, size_t size) {
  char *body = malloc(size + 1);
  if (body == NULL) err(1, "malloc");
  memset(body, 'x', size);
  struct MHD_Response *response = MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE);
  if (response == NULL) errx(1, "no response");
  add_field(response, "Cache-Control", "no-store");
  add_field(response, "X-Content-Type-Options", "nosniff");
  if (size > 0) add_field(response, "Content-Type", "application/json");
  return (struct answer){status, response};
}

static int listen_on(int port) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) err(1, "socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) err(1, "bind");
  if (listen(fd, 4096) != 0) err(1, "listen");
  return fd;
}

static void accept_all(struct MHD_Daemon *daemon, int listener) {
  while (1) {
    struct sockaddr_in peer;
    socklen_t count = sizeof peer;
    int one = 1, fd = accept4(listener, (struct sockaddr *)&peer, &count, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    MHD_add_connection(daemon, fd, (struct sockaddr *)&peer, count);
  }
}

int main(int count, char **arguments) {
  bool is_put = count == 4 && strcmp(arguments[3], "put") == 0;
  if (count != 3 && !is_put) errx(2, "usage: bare PORT SIZE [put]");
  plain = prepare(MHD_HTTP_OK, (size_t)atol(arguments[2]));
  after_body = is_put ? prepare(MHD_HTTP_NO_CONTENT, 0) : plain;
  struct MHD_Daemon *daemon = MHD_start_daemon(
      MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle,
      NULL, MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_CONNECTION_LIMIT, 16384u,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)connection_memory, MHD_OPTION_END);
  if (daemon == NULL) errx(1, "libmicrohttpd does not start");
  int listener = listen_on(atoi(arguments[1]));
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  int inner = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  event.data.fd = inner;
  epoll_ctl(epoll, EPOLL_CTL_ADD, inner, &event);
  puts("listening");
  fflush(stdout);
  while (1) {
    MHD_UNSIGNED_LONG_LONG wait;
    int has_more = MHD_get_timeout(daemon, &wait) == MHD_YES && wait == 0;
    struct epoll_event events[256];
    int ready = epoll_wait(epoll, events, 256, has_more ? 0 : -1);
    if (ready < 0 && errno != EINTR) err(1, "epoll_wait");
    for (int i = 0; i < ready; i++)
      if (events[i].data.fd == listener) accept_all(daemon, listener);
    MHD_run(daemon);
  }
}
