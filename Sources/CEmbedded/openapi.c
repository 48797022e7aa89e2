#pragma clang diagnostic ignored "-Wc23-extensions"
#include "CEmbedded.h"

static const unsigned char openapi[] = {
#embed "../../openapi.yaml"
};

const unsigned char *cembedded_openapi(size_t *count) {
  *count = sizeof openapi;
  return openapi;
}
