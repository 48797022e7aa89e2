// The time that one large body takes: down to the last byte of the response, or up to the end of the answer.
//
// bulk down|up ADDRESS BYTES HEAD
//   Sends the head in the file HEAD, and with `up` a body of BYTES after it, which the head announces; with `down` a
//   response of as many must come. Prints the seconds from the first byte sent to the last received.
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client.h"

enum { BUFFER = 1 << 20 };

static void send_body(int fd, const char *buffer, size_t bytes) {
  while (bytes > 0) {
    size_t part = bytes < BUFFER ? bytes : BUFFER;
    send_all(fd, buffer, part);
    bytes -= part;
  }
}

int main(int count, char **arguments) {
  bool is_up = count == 5 && strcmp(arguments[1], "up") == 0;
  if (count != 5 || (!is_up && strcmp(arguments[1], "down") != 0)) errx(2, "usage: bulk down|up ADDRESS BYTES HEAD");
  use_server(arguments[2]);
  size_t bytes = strtoul(arguments[3], NULL, 10), received = 0;
  struct text head = read_file(arguments[4]);
  struct connection connection = {.fd = dial()};
  char *buffer = malloc(BUFFER);
  if (buffer == NULL) err(1, "malloc");
  memset(buffer, 'x', BUFFER);

  double start = now();
  send_request(&connection, head, 0);
  if (is_up) send_body(connection.fd, buffer, bytes);
  bool is_whole = false;
  while (!is_whole) {
    ssize_t part = recv(connection.fd, buffer, BUFFER, 0);
    if (part <= 0) errx(1, "the response is cut");
    received += (size_t)part;
    is_whole = take(&connection, buffer, (size_t)part);
  }
  double seconds = now() - start;
  if (failures > 0) exit(1);
  if (!is_up && received < bytes) errx(1, "a response of %zu bytes", received);
  printf("%.6f\n", seconds);
}
