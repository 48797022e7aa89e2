#ifndef PROCESSION_CJANSSON_SHIM_H
#define PROCESSION_CJANSSON_SHIM_H
#include <jansson.h>

// Swift does not import macros that take arguments.
static inline size_t procession_json_real_precision(int digits) { return JSON_REAL_PRECISION(digits); }
#endif
