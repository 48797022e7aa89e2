#ifndef PROCESSION_CJANSSON_SHIM_H
#define PROCESSION_CJANSSON_SHIM_H
#include <jansson.h>
#endif
