// libmicrohttpd, and what Swift cannot call of it: its variadic functions, one inline wrapper per use.
#ifndef PROCESSION_CMICROHTTPD_SHIM_H
#define PROCESSION_CMICROHTTPD_SHIM_H
#include <microhttpd.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>

/// Declared for _GNU_SOURCE only, which the module of Glibc is not read with.
extern int accept4(int socket, struct sockaddr *address, socklen_t *count, int flags);

/// `struct ucred` of unix(7).
struct cmhd_credentials {
  pid_t pid;
  uid_t uid;
  gid_t gid;
};

/// The callbacks and limits of a daemon; `context` is passed to each of them.
struct cmhd_settings {
  void *context;
  void (*log)(void *context, const char *format, va_list arguments);
  void *(*begin)(void *context, const char *target, struct MHD_Connection *connection);
  MHD_AccessHandlerCallback handle;
  MHD_RequestCompletedCallback complete;
  MHD_NotifyConnectionCallback notify;
  unsigned int connection_limit;
  size_t connection_memory;
};

/// Paths with escapes are refused, and queries hidden: nothing is to be unescaped.
static inline size_t cmhd_leave_escaped(void *context, struct MHD_Connection *connection, char *text) {
  (void)context, (void)connection, (void)text;
  return 0;
}

/// A daemon without thread and without listening socket: driven by MHD_run, fed by MHD_add_connection.
static inline struct MHD_Daemon *cmhd_start(const struct cmhd_settings *s) {
  return MHD_start_daemon(
      MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
      s->handle, s->context,                                  //
      MHD_OPTION_EXTERNAL_LOGGER, s->log, s->context,         // first, so that it sees the errors of the others
      MHD_OPTION_STRICT_FOR_CLIENT, 0,                        // at 1 the library's own 400 has its header twice
      MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,                   // else it reads files by 4 KiB instead of calling sendfile
      MHD_OPTION_CONNECTION_TIMEOUT, 0u,                      // the reaper's business
      MHD_OPTION_CONNECTION_LIMIT, s->connection_limit,       //
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, s->connection_memory,
      MHD_OPTION_URI_LOG_CALLBACK, s->begin, s->context,      //
      MHD_OPTION_UNESCAPE_CALLBACK, cmhd_leave_escaped, NULL, //
      MHD_OPTION_NOTIFY_COMPLETED, s->complete, s->context,   //
      MHD_OPTION_NOTIFY_CONNECTION, s->notify, s->context,    //
      MHD_OPTION_END);
}

static inline int cmhd_epoll_fd(struct MHD_Daemon *daemon) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
  return info ? info->epoll_fd : -1;
}

/// What the notification MHD_CONNECTION_NOTIFY_STARTED left in its `socket_context`.
static inline void *cmhd_socket_context(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info ? info->socket_context : NULL;
}

/// How many bytes the request line and the header fields have, with the empty line after them.
static inline size_t cmhd_head_size(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
  return info ? info->header_size : 0;
}

/// Whether the daemon has more to do at once.
static inline int cmhd_has_more(struct MHD_Daemon *daemon) {
  MHD_UNSIGNED_LONG_LONG timeout;
  return MHD_get_timeout(daemon, &timeout) == MHD_YES && timeout == 0;
}

/// Casts are not imported.
static const ssize_t cmhd_end_of_stream = MHD_CONTENT_READER_END_OF_STREAM;
static const ssize_t cmhd_end_with_error = MHD_CONTENT_READER_END_WITH_ERROR;
static const uint64_t cmhd_size_unknown = MHD_SIZE_UNKNOWN;

static inline int cmhd_duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 3); }

static inline void cmhd_format(char *line, size_t size, const char *format, va_list arguments) {
  vsnprintf(line, size, format, arguments);
}
#endif
