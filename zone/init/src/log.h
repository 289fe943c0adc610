#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

/* One line `protect-init: …` on the console; never waits for it. */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/* Takes /dev/console, or whatever the kernel has made of it since. False while there is none. */
bool log_open_console(void);

#endif
