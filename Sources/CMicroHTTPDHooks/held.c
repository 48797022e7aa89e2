#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "CMicroHTTPDHooks.h"

// By their numbers: under their names the C library's are hidden by ours.

static ssize_t send_bytes(int socket, const void *bytes, size_t count, int flags) {
  return syscall(SYS_sendto, socket, bytes, count, flags, NULL, 0);
}

static ssize_t send_message(int socket, const struct msghdr *message, int flags) {
  return syscall(SYS_sendmsg, socket, message, flags);
}

static int shut_down(int socket, int how) { return (int)syscall(SYS_shutdown, socket, how); }

enum {
  MOST_HELD = 64,
  MOST_PROMISED = 16,
  // Fewer in a turn are sent at once: their clients are not kept waiting.
  FEWEST_HELD = 4,
  // More than the library has room for.
  LONGEST_HEAD = 16384,
  ROOM = 98304,
};

struct held {
  const char *start;
  size_t count;
  int socket;
  bool matters, is_sent, is_lost;
};

struct promise {
  int socket;
  bool matters;
};

struct turn {
  unsigned responses, count, promises;
  bool is_busy;
  /// What `cmhd_hold` was called with and is not sent yet. Mostly it is sent next; a socket that is not ready may take turns.
  struct promise promised[MOST_PROMISED];
  struct held held[MOST_HELD];
  size_t filled;
  char bytes[ROOM];
};

static __thread struct turn *turn;

void cmhd_start_holding(void) {
  if (turn == NULL) turn = calloc(1, sizeof *turn);
}

void cmhd_stop_holding(void) {
  free(turn);
  turn = NULL;
}

bool cmhd_is_busy(void) {
  if (turn == NULL) return false;
  turn->responses++;
  return turn->is_busy;
}

void cmhd_end_turn(void) {
  if (turn == NULL) return;
  turn->is_busy = turn->responses >= FEWEST_HELD;
  turn->responses = 0;
}

bool cmhd_hold(int socket, size_t count, bool matters) {
  if (turn == NULL || turn->count == MOST_HELD || turn->promises == MOST_PROMISED ||
      turn->filled + count > ROOM - LONGEST_HEAD)
    return false;
  turn->promised[turn->promises++] = (struct promise){socket, matters};
  return true;
}

/// Whether something was promised to the socket, and what; it is no longer then.
static bool take_promise(int socket, struct promise *promise) {
  for (unsigned i = 0; turn != NULL && i < turn->promises; i++) {
    if (turn->promised[i].socket != socket) continue;
    *promise = turn->promised[i];
    turn->promised[i] = turn->promised[--turn->promises];
    return true;
  }
  return false;
}

void cmhd_forget_socket(int socket) {
  struct promise promise;
  take_promise(socket, &promise);
}

static struct held *find_held(int socket) {
  // Mostly the last is asked for.
  for (unsigned i = turn ? turn->count : 0; i-- > 0;)
    if (turn->held[i].socket == socket) return &turn->held[i];
  return NULL;
}

bool cmhd_is_held(int socket) { return find_held(socket) != NULL; }

bool cmhd_is_lost(int socket) {
  const struct held *held = find_held(socket);
  return held != NULL && held->is_lost;
}

void cmhd_forget_held(void) {
  if (turn == NULL) return;
  turn->count = 0;
  turn->filled = 0;
}

/// Marks those lost whose client has gone: the kernel would take the response all the same, and nobody would ever know.
static void ask(struct held *held, unsigned count) {
  struct pollfd sockets[MOST_HELD];
  struct held *asked[MOST_HELD];
  nfds_t asks = 0;
  for (unsigned i = 0; i < count; i++) {
    if (!held[i].matters || held[i].is_sent) continue;
    sockets[asks] = (struct pollfd){.fd = held[i].socket, .events = POLLRDHUP};
    asked[asks++] = &held[i];
  }
  if (asks == 0 || poll(sockets, asks, 0) <= 0) return;
  for (nfds_t i = 0; i < asks; i++) asked[i]->is_lost = (sockets[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static void send_now(struct held *held) {
  if (held->is_sent) return;
  held->is_sent = true;
  if (!held->is_lost)
    held->is_lost =
        send_bytes(held->socket, held->start, held->count, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)held->count;
  if (held->is_lost) shut_down(held->socket, SHUT_RDWR);
}

unsigned cmhd_send_held(void) {
  if (turn == NULL) return 0;
  unsigned lost = 0;
  ask(turn->held, turn->count);
  for (unsigned i = 0; i < turn->count; i++) {
    send_now(&turn->held[i]);
    lost += turn->held[i].is_lost;
  }
  return lost;
}

/// What goes to `socket` next must not overtake what is held back for it.
static void send_first(int socket) {
  for (unsigned i = 0; turn != NULL && i < turn->count; i++) {
    if (turn->held[i].socket != socket || turn->held[i].is_sent) continue;
    ask(&turn->held[i], 1);
    send_now(&turn->held[i]);
  }
}

/// Where `count` bytes are to go, in place of the socket; NULL when they are to be sent at once. False when they are lost.
static bool hold(int socket, size_t count, char **place) {
  struct promise promise;
  *place = NULL;
  if (!take_promise(socket, &promise)) {
    send_first(socket);
    return true;
  }
  struct held held = {.socket = socket, .count = count, .matters = promise.matters};
  if (turn->count == MOST_HELD || count > ROOM - turn->filled) {
    send_first(socket);
    ask(&held, 1);
    if (held.is_lost) errno = ECONNRESET;
    return !held.is_lost;
  }
  *place = turn->bytes + turn->filled;
  held.start = *place;
  turn->held[turn->count++] = held;
  turn->filled += count;
  return true;
}

ssize_t send(int socket, const void *bytes, size_t count, int flags) {
  char *place;
  if (!hold(socket, count, &place)) return -1;
  if (place == NULL) return send_bytes(socket, bytes, count, flags);
  memcpy(place, bytes, count);
  return (ssize_t)count;
}

ssize_t sendmsg(int socket, const struct msghdr *message, int flags) {
  size_t count = 0;
  for (size_t i = 0; i < message->msg_iovlen; i++) count += message->msg_iov[i].iov_len;
  char *place;
  if (!hold(socket, count, &place)) return -1;
  if (place == NULL) return send_message(socket, message, flags);
  for (size_t i = 0; i < message->msg_iovlen; place += message->msg_iov[i++].iov_len)
    memcpy(place, message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
  return (ssize_t)count;
}

int shutdown(int socket, int how) {
  send_first(socket);
  return shut_down(socket, how);
}

bool cmhd_is_drained(int socket) {
  int waiting;
  return ioctl(socket, SIOCOUTQ, &waiting) == 0 && waiting == 0;
}
