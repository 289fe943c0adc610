#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

/* One line `protect-init: …` on the console; never waits for it. */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/* Takes /dev/console; false while the kernel has none, which may come with a module. */
bool log_open_console(void);

#endif
