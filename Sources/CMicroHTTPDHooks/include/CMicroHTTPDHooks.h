// Hooks that libmicrohttpd has no option for. It calls its public functions and the C library's through the dynamic linker,
// which finds those of the program first: five of them are defined here and call the real ones.
#ifndef PROCESSION_CMICROHTTPDHOOKS_H
#define PROCESSION_CMICROHTTPDHOOKS_H

#include <stdbool.h>

struct MHD_Connection;
struct MHD_Response;

/// The response to a request that the library cannot make out, in place of a page of its own, and destroyed when it was sent;
/// NULL for that page. `connection` is its socket context, `status` what the library would say, and what is said.
typedef struct MHD_Response *(*cmhd_refusal)(void *connection, unsigned int *status);

/// To be called before the first daemon starts.
void cmhd_set_refusal(cmhd_refusal refusal);

/// MHD_queue_response for all but the library. Of a thread that is busy the kernel holds the response back until
/// `cmhd_end_turn`, if it goes by TCP.
bool cmhd_queue_response(
    struct MHD_Connection *connection, unsigned int status, struct MHD_Response *response, bool is_tcp);

/// Sends what was held back. To be called by each thread that queues responses, before it waits for anything.
///
/// A client that is quicker than we are sleeps after each answer, and waking it costs us more than the rest of a send: it
/// sleeps less if several clients' answers come at once. A turn counts as busy after one with several responses.
void cmhd_end_turn(void);

#endif
