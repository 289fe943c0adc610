#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>

#include "loop.h"
#include "ring.h"
#include "slice.h"

/* Input on its way into a pipe, a terminal or a socket, whose other direction goes on when this one has ended. */
enum {
  /* Nobody reads; what comes is thrown away. */
  input_nowhere = -1,
  /* A reader comes later; what comes is kept. */
  input_awaited = -2,
};

struct input {
  /* Or one of the above. */
  int fd;
  bool terminal;
  /* Close (or send the terminal's end-of-file character) once all is written. */
  bool ending;
  /* Not all was written: the reader went away before. */
  bool failed;
  struct watch watch;
  struct ring ring;
  /* Bytes were written or thrown away. */
  void (*consumed)(struct input *input, size_t bytes);
};

void input_start(struct input *input, int fd, bool terminal, void (*consumed)(struct input *, size_t));
/* The awaited reader is there. */
void input_attach(struct input *input, int fd);
/* False when there is no room. */
bool input_add(struct input *input, struct slice data);
void input_end(struct input *input);
void input_stop(struct input *input);

#endif
