// Hooks that libmicrohttpd has no option for. It calls its public functions and the C library's through the dynamic linker,
// which finds those of the program first: three of them are defined here and call the real ones.
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

/// MHD_queue_response for all but the library.
bool cmhd_queue_response(struct MHD_Connection *connection, unsigned int status, struct MHD_Response *response);

#endif
