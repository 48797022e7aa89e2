// Files of this repository that travel inside the binary.
#ifndef PROCESSION_CEMBEDDED_H
#define PROCESSION_CEMBEDDED_H

#include <stddef.h>

/// openapi.yaml as it was when this was built.
const unsigned char *cembedded_openapi(size_t *count);

#endif
