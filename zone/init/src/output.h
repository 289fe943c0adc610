#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>

#include "loop.h"
#include "ring.h"

/* One output stream of a workload's run, kept until the host has stored it. A full ring blocks the writer. */
struct output {
  /* -1 once all is read. */
  int fd;
  struct watch watch;
  struct ring ring;
  /* Offset up to which this connection's stream has sent. */
  uint64_t sent;
  bool end_sent;
};

/* Takes the descriptor (-1: a stream that ends at once); false when there is no memory. */
bool output_start(struct output *output, int fd);
/* The host has stored all before `offset`. */
void output_acknowledge(struct output *output, uint64_t offset);
/* All that was written is read and stored. */
bool output_settled(const struct output *output);
void output_stop(struct output *output);

#endif
