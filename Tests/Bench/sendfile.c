// The least that giving and taking a file over HTTP can cost: one connection after the other, GET answered by sendfile
// from shared memory, the body of a PUT received straight into its mapping. Of a head it reads what its client needs.
//
// sendfile PORT BYTES: prints a line when it listens on 127.0.0.1.
#include <arpa/inet.h>
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

static int file;
static char *mapping;
static size_t size;

static bool send_file(int fd) {
  char head[128];
  int count = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
  if (send(fd, head, (size_t)count, MSG_NOSIGNAL | MSG_MORE) != count) return false;
  off_t offset = 0;
  while ((size_t)offset < size)
    if (sendfile(fd, file, &offset, size - (size_t)offset) <= 0) return false;
  return true;
}

/// `count` bytes at `start` came with the head.
static bool receive_file(int fd, const char *start, size_t count) {
  const char answer[] = "HTTP/1.1 204 No Content\r\n\r\n";
  if (count > size) return false;
  memcpy(mapping, start, count);
  while (count < size) {
    ssize_t part = recv(fd, mapping + count, size - count, 0);
    if (part <= 0) return false;
    count += (size_t)part;
  }
  return send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) > 0;
}

static bool serve(int fd) {
  char head[8192], *end = NULL;
  size_t count = 0;
  while (end == NULL) {
    ssize_t part = recv(fd, head + count, sizeof head - 1 - count, 0);
    if (part <= 0) return false;
    count += (size_t)part;
    head[count] = '\0';
    end = strstr(head, "\r\n\r\n");
  }
  end += 4;
  return head[0] == 'P' ? receive_file(fd, end, (size_t)(head + count - end)) : send_file(fd);
}

int main(int count, char **arguments) {
  if (count != 3) errx(2, "usage: sendfile PORT BYTES");
  size = strtoul(arguments[2], NULL, 10);
  file = memfd_create("sendfile", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, (off_t)size) != 0) err(1, "memfd_create");
  mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapping == MAP_FAILED) err(1, "mmap");
  memset(mapping, 1, size);

  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 16) != 0) err(1, "listen");
  puts("listening");
  fflush(stdout);
  while (1) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) err(1, "accept");
    while (serve(fd)) continue;
    close(fd);
  }
}
