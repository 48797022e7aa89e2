// The daemon's side of the worker protocol at its least: keeps workers busy and counts their values.
//
// workers COUNT WINDOW CHUNK ITEMS FUNC PROGRAM [ARGUMENT...]
//   COUNT workers of PROGRAM call FUNC with 0, 1, 2, ... ITEMS; WINDOW tasks are outstanding at each. A task is a map of
//   CHUNK items, or an apply where CHUNK is 0. Prints the seconds from the first task to the last result.
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { room = 1 << 20, most = 64 };

struct worker {
  pid_t pid;
  int fd;
  int outstanding;
  size_t start, end;
  char received[room];
};

static struct worker workers[most];
static struct pollfd sockets[most];
static long chunk, items, sent, done, task;
static const char *function;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void send_frame(int fd, const char *head, const char *body, size_t body_count) {
  static char frame[room];
  uint32_t lengths[2] = {htonl((uint32_t)strlen(head)), htonl((uint32_t)body_count)};
  size_t count = 8 + strlen(head) + body_count;
  if (count > room) errx(1, "a frame that is too long");
  memcpy(frame, lengths, 8);
  memcpy(frame + 8, head, strlen(head));
  memcpy(frame + 8 + strlen(head), body, body_count);
  if (send(fd, frame, count, MSG_NOSIGNAL) != (ssize_t)count) err(1, "send");
}

static void send_task(struct worker *worker) {
  static char body[room];
  char head[256];
  size_t count;
  long last = chunk == 0 ? sent + 1 : sent + chunk < items ? sent + chunk : items;
  if (chunk == 0) {
    snprintf(head, sizeof head, "{\"type\":\"task\",\"id\":%ld,\"op\":\"apply\",\"func\":\"%s\"}", ++task, function);
    count = (size_t)snprintf(body, room, "{\"args\":[%ld],\"kwds\":{}}", sent);
  } else {
    snprintf(head, sizeof head,
             "{\"type\":\"task\",\"id\":%ld,\"op\":\"map\",\"func\":\"%s\",\"count\":%ld,\"stop_on_error\":true}", ++task,
             function, last - sent);
    count = 0;
    for (long item = sent; item < last; item++)
      count += (size_t)snprintf(body + count, room - count, "%c%ld", item == sent ? '[' : ',', item);
    body[count++] = ']';
  }
  send_frame(worker->fd, head, body, count);
  sent = last;
  worker->outstanding++;
}

// Counts the values of the results that are there, and sends a task for each.
static void take(struct worker *worker, int window) {
  for (;;) {
    uint32_t lengths[2];
    char *frame = worker->received + worker->start;
    if (worker->end - worker->start < 8) break;
    memcpy(lengths, frame, 8);
    size_t head = ntohl(lengths[0]), body = ntohl(lengths[1]);
    if (worker->end - worker->start < 8 + head + body) break;
    if (memmem(frame + 8, head, "\"result\"", 8) != NULL) {
      char *at = frame + 8 + head, *end = at + body;
      if (memmem(frame + 8, head, "\"values\":true", 13) != NULL) {
        // Of numbers: a comma is between two.
        for (done++; (at = memchr(at, ',', (size_t)(end - at))) != NULL; at++) done++;
      } else {
        while (at < end) {
          if (end - at < 9 || memcmp(at, "{\"value\":", 9) != 0) errx(1, "%.*s", (int)(end - at), at);
          at = (char *)memchr(at, '\n', (size_t)(end - at)) + 1;
          done++;
        }
      }
      worker->outstanding--;
    }
    worker->start += 8 + head + body;
    while (worker->outstanding < window && sent < items) send_task(worker);
  }
  memmove(worker->received, worker->received + worker->start, worker->end - worker->start);
  worker->end -= worker->start;
  worker->start = 0;
}

static void receive(struct worker *worker) {
  ssize_t count = recv(worker->fd, worker->received + worker->end, room - worker->end, 0);
  if (count <= 0) errx(1, "a worker is gone");
  worker->end += (size_t)count;
}

static void start(struct worker *worker, char **program) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) err(1, "socketpair");
  worker->pid = fork();
  if (worker->pid == 0) {
    dup2(pair[1], 3);
    for (int fd = 4; fd < 3 + 2 * most; fd++) close(fd);
    execvp(program[0], program);
    err(1, "%s", program[0]);
  }
  close(pair[1]);
  worker->fd = pair[0];
  send_frame(worker->fd, "{\"type\":\"hello\",\"protocol\":1,\"pool\":\"bench\",\"worker\":\"bench-1\",\"initializer\":null}",
             "{\"initargs\":[],\"source\":null,\"path\":[]}", strlen("{\"initargs\":[],\"source\":null,\"path\":[]}"));
}

int main(int count, char **arguments) {
  if (count < 7) errx(2, "usage: workers COUNT WINDOW CHUNK ITEMS FUNC PROGRAM [ARGUMENT...]");
  int worker_count = atoi(arguments[1]), window = atoi(arguments[2]);
  chunk = atol(arguments[3]), items = atol(arguments[4]), function = arguments[5];
  for (int index = 0; index < worker_count; index++) {
    start(&workers[index], arguments + 6);
    sockets[index] = (struct pollfd){.fd = workers[index].fd, .events = POLLIN};
  }
  for (int index = 0; index < worker_count; index++) {
    receive(&workers[index]);  // It is ready.
    workers[index].end = 0;
  }
  double begun = now();
  for (int round = 0; round < window; round++)
    for (int index = 0; index < worker_count && sent < items; index++) send_task(&workers[index]);
  while (done < items) {
    if (poll(sockets, (nfds_t)worker_count, -1) < 0) err(1, "poll");
    for (int index = 0; index < worker_count; index++) {
      if (sockets[index].revents == 0) continue;
      receive(&workers[index]);
      take(&workers[index], window);
    }
  }
  printf("%.6f\n", now() - begun);
  for (int index = 0; index < worker_count; index++) close(workers[index].fd);
  for (int index = 0; index < worker_count; index++) waitpid(workers[index].pid, NULL, 0);
}
