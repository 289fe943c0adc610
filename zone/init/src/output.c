#include "output.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bounds.h"
#include "idm.h"

enum { turn_bytes = 64 * 1024 };

static void close_output(struct output *output) {
  watch_remove(&output->watch);
  if (output->fd >= 0) close(output->fd);
  output->fd = -1;
}

static void readable(struct watch *watch, uint32_t events) {
  (void)events;
  struct output *output = owner_of(watch, struct output, watch);
  for (size_t taken = 0; taken < turn_bytes;) {
    size_t room;
    uint8_t *bytes = ring_free_span(&output->ring, &room);
    if (room == 0) {
      watch_remove(watch);
      break;
    }
    ssize_t got = read(output->fd, bytes, room < turn_bytes ? room : turn_bytes);
    if (got > 0) {
      ring_add(&output->ring, (size_t)got);
      taken += (size_t)got;
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else {
      /* A terminal ends with EIO. */
      if (got == 0 || errno != EAGAIN) close_output(output);
      break;
    }
  }
  idm_wake();
}

bool output_start(struct output *output, int fd) {
  *output = (struct output){.fd = fd};
  if (fd < 0) return true;
  if (ring_open(&output->ring, output_ring_bytes) && watch_add(&output->watch, fd, EPOLLIN, readable)) return true;
  output_stop(output);
  return false;
}

void output_acknowledge(struct output *output, uint64_t offset) {
  ring_release(&output->ring, offset);
  if (output->sent < output->ring.base) output->sent = output->ring.base;
  if (output->fd < 0 && output->ring.base == output->ring.end) ring_close(&output->ring);
  if (output->fd >= 0 && ring_room(&output->ring) > 0) watch_add(&output->watch, output->fd, EPOLLIN, readable);
}

bool output_settled(const struct output *output) {
  return output->fd < 0 && output->ring.base == output->ring.end;
}

void output_stop(struct output *output) {
  close_output(output);
  ring_close(&output->ring);
  output->ring = (struct ring){0};
}
