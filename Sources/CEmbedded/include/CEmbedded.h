// Files of this repository that travel inside the binary.
#ifndef PROCESSION_CEMBEDDED_H
#define PROCESSION_CEMBEDDED_H

#include <stddef.h>

/// openapi.yaml as it was when this was built.
const unsigned char *cembedded_openapi(size_t *count);

/// worker.py, the worker of *python* pools; it speaks the protocol of PROTOCOL.md.
const unsigned char *cembedded_worker(size_t *count);

#endif
