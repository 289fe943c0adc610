#ifndef CARRIER_H
#define CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What carries IDM's bytes: an ordered byte stream to the host. A virtio port today; vchan fits as well. */
struct carrier {
  /* Watched edge-triggered for input, output and hang-up. */
  int fd;
  /* As read(2) without blocking: 0 means that the host is away, -1 with EAGAIN that nothing is there, -1 with any other
   * errno that the carrier itself is gone. */
  ssize_t (*read)(struct carrier *carrier, void *bytes, size_t size);
  /* As write(2) without blocking. */
  ssize_t (*write)(struct carrier *carrier, const void *bytes, size_t size);
  /* The host is not connected at this moment. */
  bool (*host_away)(struct carrier *carrier);
  void (*close)(struct carrier *carrier);
};

#endif
