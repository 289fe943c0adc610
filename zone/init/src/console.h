#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdbool.h>
#include <sys/ioctl.h>

#include "loop.h"

/* Terminals of containers: crun makes them inside and hands their master over on a socket. */
struct console {
  char path[108];
  struct winsize size;
  /* Listens, then waits for the message. */
  struct watch watch;
  bool connected;
  int master;
};

/* Listens at `path`; the terminal gets its size as soon as it comes, because its program may run already. False with
 * errno. */
bool console_open(struct console *console, const char *path, struct winsize size);

/* The master, if crun has sent one by now; otherwise -1. Ends the listening. */
int console_take(struct console *console);

#endif
