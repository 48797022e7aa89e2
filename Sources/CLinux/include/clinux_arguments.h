#ifndef PROCESSION_CLINUX_ARGUMENTS_H
#define PROCESSION_CLINUX_ARGUMENTS_H

/// What the program was started with, its own name first, and NULL at the end. Swift's CommandLine has it from /proc, which need
/// not be mounted.
char *const *clinux_arguments(void);

#endif
