#pragma clang diagnostic ignored "-Wc23-extensions"
#include "CEmbedded.h"

static const unsigned char worker[] = {
#embed "worker.py"
};

const unsigned char *cembedded_worker(size_t *count) {
  *count = sizeof worker;
  return worker;
}
