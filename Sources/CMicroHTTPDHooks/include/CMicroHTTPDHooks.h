// Hooks that libmicrohttpd has no option for. It calls its public functions and the C library's through the dynamic linker,
// which finds those of the program first: eight of them are defined here and call the real ones.
#ifndef PROCESSION_CMICROHTTPDHOOKS_H
#define PROCESSION_CMICROHTTPDHOOKS_H

#include <stdbool.h>
#include <stddef.h>

struct MHD_Connection;
struct MHD_Response;

/// The response to a request that the library cannot make out, in place of a page of its own, and destroyed when it was sent;
/// NULL for that page. `connection` is its socket context, `status` what the library would say, and what is said.
typedef struct MHD_Response *(*cmhd_refusal)(void *connection, unsigned int *status);

/// To be called before the first daemon starts.
void cmhd_set_refusal(cmhd_refusal refusal);

/// MHD_queue_response for all but the library.
bool cmhd_queue_response(struct MHD_Connection *connection, unsigned int status, struct MHD_Response *response);

/// What the thread received last, if that was on `socket`: how many bytes, and where the library has them. They are told once:
/// what is asked again, or was received before something else, is 0 bytes.
size_t cmhd_take_received(int socket, const void **start);

// What a thread answers in a busy turn is sent at the turn's end. A client that is quicker than we are sleeps after each
// answer, and waking it costs us more than the rest of a send: it sleeps less if several clients' answers come at once.
// And one look at the sockets tells which clients have gone, instead of one for each.

/// Lets the calling thread hold responses back, until `cmhd_stop_holding`. Without memory for it none ever is.
void cmhd_start_holding(void);
void cmhd_stop_holding(void);

/// Whether the thread is to hold responses back in this turn, since the one before had several. To be asked once for each
/// response, which it counts.
bool cmhd_is_busy(void);

/// Holds back what the library sends next on `socket`, be it in another turn: a head and `count` bytes. Of a client that
/// `matters` it is looked for whether it has closed its side before anything is sent.
///
/// False when there is no room for it until `cmhd_send_held`. The kernel must have room for it for sure: what it does not take
/// later is lost.
bool cmhd_hold(int socket, size_t count, bool matters);

/// To be called before the library closes a socket.
void cmhd_forget_socket(int socket);

/// Whether a part of what was sent on `socket` since `cmhd_forget_held` is held back, or was.
bool cmhd_is_held(int socket);

/// Sends what is held back, and returns how many responses were lost; their sockets are shut down. A socket that is shut down
/// before gets what is held back for it first.
unsigned cmhd_send_held(void);

/// Whether what was held back for `socket` was lost: its client had gone, or the kernel did not take it.
bool cmhd_is_lost(int socket);

void cmhd_forget_held(void);

/// To be called before the thread waits for anything, when nothing is held back.
void cmhd_end_turn(void);

/// Whether the client's kernel has acknowledged all that was sent.
bool cmhd_is_drained(int socket);

#endif
