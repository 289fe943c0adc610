#ifndef CONSOLE_H
#define CONSOLE_H

/* Terminals of containers: crun makes them inside and hands their master over on a socket. */

/* Listens at `path`; -1 with errno. */
int console_listen(const char *path);

/* The master that crun has sent by the time it ended, without waiting; -1 when there is none. Closes and removes the
 * socket. */
int console_take(int listener, const char *path);

#endif
