#include "input.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bounds.h"

enum { end_of_transmission = 4 };

void input_start(struct input *input, int fd, bool terminal, void (*consumed)(struct input *, size_t)) {
  *input = (struct input){.fd = fd, .terminal = terminal, .consumed = consumed};
}

static void throw_away(struct input *input) {
  size_t kept = (size_t)(input->ring.end - input->ring.base);
  ring_close(&input->ring);
  input->ring = (struct ring){0};
  if (kept > 0) input->consumed(input, kept);
}

static void close_input(struct input *input) {
  watch_remove(&input->watch);
  if (input->fd >= 0) {
    /* Tells a socket's other end, which other descriptors of it would keep waiting; no other file minds. */
    shutdown(input->fd, SHUT_WR);
    close(input->fd);
  }
  input->fd = input_nowhere;
}

static void flush(struct input *input);

static void writable(struct watch *watch, uint32_t events) {
  (void)events;
  flush(owner_of(watch, struct input, watch));
}

static void flush(struct input *input) {
  size_t size;
  const uint8_t *bytes;
  if (input->fd == input_awaited) return;
  while ((bytes = ring_span(&input->ring, input->ring.base, &size))) {
    ssize_t done = input->fd < 0 ? -1 : write(input->fd, bytes, size);
    if (done > 0) {
      ring_release(&input->ring, input->ring.base + (uint64_t)done);
      input->consumed(input, (size_t)done);
    } else if (input->fd >= 0 && done < 0 && errno == EINTR) {
      continue;
    } else if (input->fd >= 0 && done < 0 && errno == EAGAIN) {
      watch_add(&input->watch, input->fd, EPOLLOUT, writable);
      return;
    } else {
      input->failed = true;
      close_input(input);
      throw_away(input);
      return;
    }
  }
  watch_remove(&input->watch);
  ring_tidy(&input->ring);
  if (!input->ending) return;
  input->ending = false;
  if (!input->terminal)
    close_input(input);
  else if (write(input->fd, &(char){end_of_transmission}, 1) < 0)
    close_input(input);
}

void input_attach(struct input *input, int fd) {
  input->fd = fd;
  flush(input);
}

bool input_add(struct input *input, struct slice data) {
  if (data.size == 0) return true;
  if (input->fd == input_nowhere || input->ending) {
    input->consumed(input, data.size);
    return true;
  }
  if (!input->ring.bytes && !ring_open(&input->ring, input_ring_bytes)) return false;
  if (ring_room(&input->ring) < data.size) return false;
  while (data.size > 0) {
    size_t room;
    uint8_t *bytes = ring_free_span(&input->ring, &room);
    size_t piece = room < data.size ? room : data.size;
    memcpy(bytes, data.data, piece);
    ring_add(&input->ring, piece);
    data = (struct slice){data.data + piece, data.size - piece};
  }
  flush(input);
  return true;
}

void input_end(struct input *input) {
  if (input->fd == input_nowhere) return;
  input->ending = true;
  flush(input);
}

void input_stop(struct input *input) {
  close_input(input);
  throw_away(input);
}
