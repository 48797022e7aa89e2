// Files of this repository that travel inside the binary.
#ifndef PROCESSION_CEMBEDDED_H
#define PROCESSION_CEMBEDDED_H

#include <stddef.h>

extern const unsigned char procession_openapi_yaml[];
extern const size_t procession_openapi_yaml_count;

#endif
