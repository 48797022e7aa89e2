#ifndef PROCESSION_CMICROHTTPD_SHIM_H
#define PROCESSION_CMICROHTTPD_SHIM_H
#include <microhttpd.h>
#endif
