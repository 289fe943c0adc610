#include "log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int console = -1;

bool log_open_console(void) {
  if (console >= 0) return true;
  int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return false;
  console = fd;
  return true;
}

void log_line(const char *format, ...) {
  static const char prefix[] = "protect-init: ";
  char line[sizeof prefix + 256 + 2];
  va_list arguments;
  va_start(arguments, format);
  memcpy(line, prefix, sizeof prefix);
  int size = vsnprintf(line + sizeof prefix - 1, 256, format, arguments);
  va_end(arguments);
  size_t length = sizeof prefix - 1 + (size < 0 ? 0 : size > 255 ? 255 : (size_t)size);
  /* Workloads and hosts choose parts of some messages. */
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) line[i] = '?';
  memcpy(line + length, "\r\n", 2);
  if (write(console >= 0 ? console : STDERR_FILENO, line, length + 2) < 0) return;
}
