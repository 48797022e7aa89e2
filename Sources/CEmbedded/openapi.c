#pragma clang diagnostic ignored "-Wc23-extensions"
#include "CEmbedded.h"

const unsigned char procession_openapi_yaml[] = {
#embed "../../openapi.yaml"
};
const size_t procession_openapi_yaml_count = sizeof procession_openapi_yaml;
