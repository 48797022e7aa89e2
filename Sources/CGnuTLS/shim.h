#ifndef PROCESSION_CGNUTLS_SHIM_H
#define PROCESSION_CGNUTLS_SHIM_H
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#endif
