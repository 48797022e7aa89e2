#include "CLinux.h"

#include <pthread.h>
#include <string.h>

void clinux_set_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

const char *clinux_errno_symbol(int number) { return strerrorname_np(number); }

const char *clinux_errno_message(int number) { return strerrordesc_np(number); }
