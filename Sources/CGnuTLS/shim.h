#ifndef PROCESSION_CGNUTLS_SHIM_H
#define PROCESSION_CGNUTLS_SHIM_H
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

/// Writes the 32 bytes of SHA-256; returns 0 on success.
static inline int cgnutls_sha256(const void *data, size_t count, void *digest) {
  return gnutls_hash_fast(GNUTLS_DIG_SHA256, data, count, digest);
}
#endif
