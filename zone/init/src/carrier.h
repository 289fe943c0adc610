#ifndef CARRIER_H
#define CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What carries IDM's bytes: an ordered byte stream to the host. A virtio port or a vchan. */
struct carrier {
  /* Watched edge-triggered for input, output and hang-up. */
  int fd;
  /* The event of poll(2) on it that may mean that more can be written. */
  short room_event;
  /* As read(2) without blocking: 0 means that the host is away, -1 with EAGAIN that nothing is there, -1 with any other
   * errno that the carrier itself is gone. */
  ssize_t (*read)(struct carrier *carrier, void *bytes, size_t size);
  /* As write(2) without blocking; 0 means that the host is away. */
  ssize_t (*write)(struct carrier *carrier, const void *bytes, size_t size);
  /* The host is not connected at this moment. NULL where a 0 of read and write is exact: it comes after the last byte
   * of one host and before the first of the next. */
  bool (*host_away)(struct carrier *carrier);
  void (*close)(struct carrier *carrier);
};

#endif
