#include "vchan.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "bounds.h"
#include "check.h"
#include "fake_xen.h"
#include "loop.h"

static const char path[] = "data/vchan/idm";

static struct carrier *carrier;
static struct libxenvchan *client;
static struct watch watch;
static unsigned wake_ups;

static void ready(struct watch *fired, uint32_t events) { wake_ups++; }

/* As idm.c watches a carrier. */
static void open_carrier(void) {
  CHECK(loop_start());
  carrier = vchan_open(path);
  CHECK(carrier && watch_add(&watch, carrier->fd, EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLET, ready));
}

static void open_both(void) {
  open_carrier();
  client = fake_xen_client(path);
  CHECK(client);
}

static void close_both(void) {
  if (client) libxenvchan_close(client);
  client = NULL;
  watch_remove(&watch);
  carrier->close(carrier);
  CHECK(carrier->fd == -1);
}

/* True when the carrier's descriptor woke the loop since the last call. */
static bool woken(void) {
  wake_ups = 0;
  loop_turn(0);
  return wake_ups > 0;
}

static void fill(uint8_t *bytes, size_t size, size_t from) {
  for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)((from + i) * 7 + (from + i) / 251);
}

static bool nothing_there(void) {
  uint8_t byte;
  return carrier->read(carrier, &byte, 1) == -1 && errno == EAGAIN;
}

static void without_devices(void) {
  fake_xen_devices_missing = true;
  CHECK(vchan_open(path) == NULL);
  fake_xen_devices_missing = false;
  open_carrier();
  CHECK(vchan_open(path) == NULL);
  close_both();
  open_carrier();
  close_both();
}

static void before_any_client(void) {
  uint8_t bytes[16] = "hello";
  open_carrier();
  CHECK(carrier->read(carrier, bytes, sizeof bytes) == 0);
  CHECK(carrier->write(carrier, bytes, 5) == 0);
  woken();
  client = fake_xen_client(path);
  CHECK(client && woken());
  CHECK(nothing_there() && libxenvchan_data_ready(client) == 0);
  CHECK(carrier->write(carrier, "hello", 5) == 5);
  CHECK(libxenvchan_read(client, bytes, sizeof bytes) == 5 && memcmp(bytes, "hello", 5) == 0);
  close_both();
}

static void both_ways(void) {
  static uint8_t sent[3000], got[sizeof sent];
  open_both();
  /* Odd sizes, so that pieces begin everywhere in the rings and run over their ends. */
  for (size_t round = 0, total = 0; round < 400; round++) {
    size_t size = 1 + round * 37 % sizeof sent;
    fill(sent, size, total);
    CHECK(libxenvchan_write(client, sent, size) == (int)size);
    CHECK(carrier->read(carrier, got, sizeof got) == (ssize_t)size && memcmp(got, sent, size) == 0);
    CHECK(carrier->write(carrier, got, size) == (ssize_t)size);
    memset(got, 0, sizeof got);
    CHECK(libxenvchan_read(client, got, sizeof got) == (int)size && memcmp(got, sent, size) == 0);
    total += size;
  }
  CHECK(nothing_there());
  close_both();
}

static void slow_client(void) {
  static uint8_t bytes[2 * vchan_ring_bytes], got[vchan_ring_bytes];
  open_both();
  fill(bytes, sizeof bytes, 0);
  CHECK(carrier->write(carrier, bytes, sizeof bytes) == vchan_ring_bytes);
  CHECK(carrier->write(carrier, bytes, 1) == -1 && errno == EAGAIN);
  woken();
  CHECK(!woken());
  CHECK(libxenvchan_read(client, got, 100) == 100 && woken());
  CHECK(carrier->write(carrier, bytes + vchan_ring_bytes, 4096) == 100);
  CHECK(libxenvchan_read(client, got, sizeof got) == vchan_ring_bytes && memcmp(got, bytes + 100, sizeof got) == 0);
  close_both();
}

static void every_event_counts(void) {
  uint8_t byte = 0;
  open_both();
  woken();
  CHECK(nothing_there());
  for (int round = 0; round < 1000; round++) {
    /* The loop has gone to sleep after a read that found nothing; whatever comes now has to wake it. */
    CHECK(!woken());
    CHECK(libxenvchan_write(client, &byte, 1) == 1 && woken());
    /* More comes after the wake-up, before and between the reads. */
    CHECK(libxenvchan_write(client, &byte, 1) == 1);
    CHECK(carrier->read(carrier, &byte, 1) == 1 && libxenvchan_write(client, &byte, 1) == 1);
    CHECK(carrier->read(carrier, &byte, 1) == 1 && carrier->read(carrier, &byte, 1) == 1 && nothing_there());
    woken();
  }
  close_both();
}

static void client_writes(void) { CHECK(libxenvchan_write(client, "x", 1) == 1); }
static void client_comes(void) { CHECK(client = fake_xen_client(path)); }

static void at_the_same_moment(void) {
  void (**const moments[])(void) = {&fake_xen_before_take, &fake_xen_after_take};
  uint8_t byte;
  open_both();
  for (unsigned round = 0; round < 8; round++) {
    bool event_before = round & 2;
    CHECK(nothing_there() && (!event_before || libxenvchan_write(client, "x", 1) == 1));
    woken();
    CHECK(!event_before || carrier->read(carrier, &byte, 1) == 1);
    *moments[round & 1] = client_writes;
    CHECK(carrier->read(carrier, &byte, 1) == 1 || (woken() && carrier->read(carrier, &byte, 1) == 1));
    libxenvchan_close(client);
    client = NULL;
    while (woken()) CHECK(carrier->read(carrier, &byte, 1) == 0);
    *moments[round & 1] = client_comes;
    CHECK(nothing_there() || (woken() && nothing_there()));
  }
  close_both();
}

static void only_writes(void) {
  static uint8_t bytes[vchan_ring_bytes];
  open_both();
  CHECK(carrier->write(carrier, bytes, sizeof bytes) == sizeof bytes);
  for (int round = 0; round < 100; round++) {
    /* What the client sends meanwhile is not read: its event must not hide the one that tells of room. */
    CHECK(libxenvchan_write(client, bytes, 1) == 1);
    CHECK(carrier->write(carrier, bytes, 1) == -1 && errno == EAGAIN && fake_xen_server_events() == 0);
    woken();
    CHECK(libxenvchan_read(client, bytes, 10) == 10 && woken());
    CHECK(carrier->write(carrier, bytes, 10) == 10);
  }
  close_both();
}

static void leave_and_return(void (*leave)(struct libxenvchan *)) {
  static uint8_t bytes[vchan_ring_bytes];
  open_both();
  for (int round = 0; round < 50; round++) {
    CHECK(nothing_there());
    /* It leaves with bytes on their way in both directions. */
    CHECK(carrier->write(carrier, bytes, 1000 + (size_t)round) > 0);
    CHECK(libxenvchan_write(client, bytes, 500) == 500);
    CHECK(woken() && carrier->read(carrier, bytes, 100) == 100);
    leave(client);
    CHECK(woken());
    CHECK(carrier->read(carrier, bytes, sizeof bytes) == 0 && carrier->write(carrier, bytes, 1) == 0);
    client = fake_xen_client(path);
    CHECK(client && woken());
    CHECK(libxenvchan_data_ready(client) == 0 && nothing_there());
    CHECK(libxenvchan_write(client, "new", 3) == 3 && carrier->read(carrier, bytes, sizeof bytes) == 3);
    CHECK(memcmp(bytes, "new", 3) == 0 && carrier->write(carrier, "host", 4) == 4);
    CHECK(libxenvchan_read(client, bytes, sizeof bytes) == 4 && memcmp(bytes, "host", 4) == 0);
  }
  close_both();
}

static void closed_client(void) { leave_and_return(libxenvchan_close); }
static void killed_client(void) { leave_and_return(fake_xen_kill_client); }

static void unnoticed_absence(void) {
  uint8_t bytes[64];
  open_both();
  CHECK(nothing_there() && carrier->write(carrier, "old", 3) == 3);
  fake_xen_kill_client(client);
  client = fake_xen_client(path);
  CHECK(client && libxenvchan_write(client, "new", 3) == 3 && woken());
  CHECK(carrier->read(carrier, bytes, sizeof bytes) == 3 && memcmp(bytes, "new", 3) == 0);
  CHECK(carrier->write(carrier, "er", 2) == 2);
  CHECK(libxenvchan_read(client, bytes, sizeof bytes) == 5 && memcmp(bytes, "older", 5) == 0);
  close_both();
}

static void hostile_ring(void) {
  static uint8_t bytes[vchan_ring_bytes];
  open_both();
  CHECK(nothing_there());
  struct vchan_interface *ring = client->ring;
  ring->left_order = ring->right_order = 31;
  for (uint32_t round = 0, random = 1; round < 10000; round++) {
    uint32_t *const indexes[] = {&ring->left.prod, &ring->left.cons, &ring->right.prod, &ring->right.cons};
    random = random * 1664525 + 1013904223;
    *indexes[random >> 30] = random * 2654435761u;
    ring->cli_live = (uint8_t)(round % 8 ? 1 : random >> 20);
    ring->cli_notify = (uint8_t)(random >> 12);
    CHECK(carrier->read(carrier, bytes, sizeof bytes) <= (ssize_t)sizeof bytes);
    CHECK(carrier->write(carrier, bytes, sizeof bytes) <= (ssize_t)sizeof bytes);
  }
  /* Its successor finds all in order. */
  ring->left_order = ring->right_order = 16;
  fake_xen_kill_client(client);
  CHECK(carrier->read(carrier, bytes, sizeof bytes) == 0);
  client = fake_xen_client(path);
  CHECK(client && libxenvchan_write(client, "new", 3) == 3 && carrier->read(carrier, bytes, sizeof bytes) == 3);
  CHECK(carrier->write(carrier, "host", 4) == 4 && libxenvchan_read(client, bytes, sizeof bytes) == 4);
  close_both();
}

const struct test vchan_tests[] = {
    {"it opens once its devices are there, and again after it was closed", without_devices},
    {"nothing is written before the first client, which then wakes the loop", before_any_client},
    {"bytes arrive whole and in order over the ends of the rings", both_ways},
    {"a client that does not read holds up the writer, and wakes it with the first byte it takes", slow_client},
    {"no event is lost however bytes and reads fall together", every_event_counts},
    {"a client that writes or comes while an event is taken is not missed", at_the_same_moment},
    {"a writer that does not read gets to know of room", only_writes},
    {"after a client that closed, the next one begins with empty rings", closed_client},
    {"after a client that was killed, too", killed_client},
    {"a client that came before the last one was missed loses nothing", unnoticed_absence},
    {"a ring of nonsense does no harm, and does not last", hostile_ring},
    {0},
};
