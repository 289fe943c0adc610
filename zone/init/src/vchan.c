#include "vchan.h"

#include <errno.h>
#include <fcntl.h>
#include <libxenvchan.h>
#include <poll.h>

#include "bounds.h"
#include "log.h"

/* What `cli_live` of the ring says while a client is there; a client that leaves or dies makes it 0. */
enum { client_connected = 1 };

static struct libxenvchan *channel;

static bool client_connected_now(void) {
  return __atomic_load_n(&channel->ring->cli_live, __ATOMIC_SEQ_CST) == client_connected;
}

/* Empties both rings while no client is there, so that the next one gets nothing that was meant for the last. It may
 * come at any moment: then what it has written stays, and what it may be reading as well. */
static void discard(void) {
  struct ring_shared *from_host = channel->read.shr, *to_host = channel->write.shr;
  uint32_t written = __atomic_load_n(&from_host->prod, __ATOMIC_SEQ_CST);
  uint32_t sent = __atomic_load_n(&to_host->prod, __ATOMIC_SEQ_CST);
  if (client_connected_now()) return;
  __atomic_store_n(&from_host->cons, written, __ATOMIC_SEQ_CST);
  __atomic_store_n(&to_host->prod, __atomic_load_n(&to_host->cons, __ATOMIC_SEQ_CST), __ATOMIC_SEQ_CST);
  if (client_connected_now()) __atomic_store_n(&to_host->prod, sent, __ATOMIC_SEQ_CST);
}

/* Takes the pending event before the rings are looked at: whatever happens after the look raises the next one. */
static bool host_present(void) {
  libxenvchan_wait(channel);
  if (client_connected_now()) return true;
  discard();
  return false;
}

static ssize_t result_of(int moved) {
  if (moved > 0) return moved;
  errno = moved < 0 ? EIO : EAGAIN;
  return -1;
}

static ssize_t channel_read(struct carrier *carrier, void *bytes, size_t size) {
  (void)carrier;
  return host_present() ? result_of(libxenvchan_read(channel, bytes, size)) : 0;
}

static ssize_t channel_write(struct carrier *carrier, const void *bytes, size_t size) {
  (void)carrier;
  return host_present() ? result_of(libxenvchan_write(channel, bytes, size)) : 0;
}

static void channel_close(struct carrier *carrier) {
  libxenvchan_close(channel);
  channel = NULL;
  carrier->fd = -1;
}

/* Its descriptor is that of the event channel, which is readable when the host has done anything. */
static struct carrier vchan = {
    .fd = -1, .room_event = POLLIN, .read = channel_read, .write = channel_write, .close = channel_close};

struct carrier *vchan_open(const char *path) {
  if (channel) return NULL;
  channel = libxenvchan_server_init(NULL, 0, path, vchan_ring_bytes, vchan_ring_bytes);
  if (!channel) {
    if (errno != ENOENT) log_line("vchan %s: %m", path);
    return NULL;
  }
  channel->server_persist = 1;
  channel->blocking = 0;
  vchan.fd = libxenvchan_fd_for_select(channel);
  fcntl(vchan.fd, F_SETFL, O_NONBLOCK);
  /* The library leaves this one open for the zone's programs. */
  fcntl(xengntshr_fd(channel->gntshr), F_SETFD, FD_CLOEXEC);
  return &vchan;
}
