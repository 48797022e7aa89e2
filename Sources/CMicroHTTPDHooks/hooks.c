#include "CMicroHTTPDHooks.h"

#include <dlfcn.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>

static enum MHD_Result (*queue_response)(struct MHD_Connection *, unsigned int, struct MHD_Response *);
static enum MHD_Result (*lookup)(
    struct MHD_Connection *, enum MHD_ValueKind, const char *, size_t, const char **, size_t *);
static ssize_t (*send_file)(int, int, off64_t *, size_t);
static cmhd_refusal refusal;

__attribute__((constructor)) static void find(void) {
  *(void **)&queue_response = dlsym(RTLD_NEXT, "MHD_queue_response");
  *(void **)&lookup = dlsym(RTLD_NEXT, "MHD_lookup_connection_value_n");
  *(void **)&send_file = dlsym(RTLD_NEXT, "sendfile64");
}

void cmhd_set_refusal(cmhd_refusal make) { refusal = make; }

bool cmhd_queue_response(struct MHD_Connection *connection, unsigned int status, struct MHD_Response *response) {
  return queue_response(connection, status, response) == MHD_YES;
}

/// Called by the library alone, when it gives a request up.
enum MHD_Result MHD_queue_response(
    struct MHD_Connection *connection, unsigned int status, struct MHD_Response *response) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  struct MHD_Response *ours = refusal && info && info->socket_context ? refusal(info->socket_context, &status) : NULL;
  if (ours == NULL) return queue_response(connection, status, response);
  enum MHD_Result result = queue_response(connection, status, ours);
  MHD_destroy_response(ours);
  return result;
}

/// Content-Length, where it is a number of at most 64 bits.
static enum MHD_Result lookup_length(
    struct MHD_Connection *connection, enum MHD_ValueKind kind, const char *key, size_t key_size, const char **value,
    size_t *value_size) {
  if (lookup(connection, kind, key, key_size, value, value_size) != MHD_YES || *value_size > 19) return MHD_NO;
  for (size_t i = 0; i < *value_size; i++)
    if ((*value)[i] < '0' || (*value)[i] > '9') return MHD_NO;
  return *value_size > 0 ? MHD_YES : MHD_NO;
}

/// Keeps two fields from the library's parser, which reads them before it asks anybody. It would take memory of the connection
/// for each cookie, which nobody wants here, until there is none left. And it answers a bad Content-Length with the head of
/// the response twice; the gate finds it too.
enum MHD_Result MHD_lookup_connection_value_n(
    struct MHD_Connection *connection, enum MHD_ValueKind kind, const char *key, size_t key_size, const char **value,
    size_t *value_size) {
  if (key_size == 6 && memcmp(key, "Cookie", 6) == 0) return MHD_NO;
  if (key_size == 14 && memcmp(key, "Content-Length", 14) == 0 && value != NULL && value_size != NULL)
    return lookup_length(connection, kind, key, key_size, value, value_size);
  return lookup(connection, kind, key, key_size, value, value_size);
}

/// The library takes a file that was cut since its length was told for a socket that is full, and waits for room: a socket that
/// is shut down ends the wait and the connection.
ssize_t sendfile64(int socket, int file, off64_t *offset, size_t count) {
  ssize_t sent = send_file(socket, file, offset, count);
  struct stat status;
  if (sent >= 0 && (size_t)sent < count && fstat(file, &status) == 0 && *offset >= status.st_size)
    shutdown(socket, SHUT_RDWR);
  return sent;
}
