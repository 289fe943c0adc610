#include "fake_xen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenstore.h>

#include "check.h"

enum { page_bytes = 4096, pages_max = 1024, server_port = 5, client_port = 6 };

unsigned fake_xen_store_reads;
bool fake_xen_devices_missing;
void (*fake_xen_before_take)(void), (*fake_xen_after_take)(void);

/* An end of the only event channel. One that was delivered raises no other until it is acknowledged. */
struct xenevtchn_handle {
  /* A pipe: taking an event must wake nobody. */
  int ends[2];
  bool masked, pending;
};

static struct xenevtchn_handle *server, *client;

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned flags) {
  xenevtchn_handle *opened = calloc(1, sizeof *opened);
  CHECK(opened && pipe2(opened->ends, O_CLOEXEC) == 0);
  return opened;
}

int xenevtchn_close(xenevtchn_handle *handle) {
  if (handle == server) server = NULL;
  if (handle == client) client = NULL;
  close(handle->ends[0]);
  close(handle->ends[1]);
  free(handle);
  return 0;
}

int xenevtchn_fd(xenevtchn_handle *handle) { return handle->ends[0]; }

xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *handle, uint32_t domain) {
  CHECK(domain == 0 && !server);
  server = handle;
  return server_port;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *handle, uint32_t domain, evtchn_port_t port) {
  CHECK(port == server_port && server && !client);
  client = handle;
  return client_port;
}

int xenevtchn_unbind(xenevtchn_handle *handle, evtchn_port_t port) { return 0; }

static void deliver(xenevtchn_handle *to) {
  if (!to) return;
  if (to->masked) {
    to->pending = true;
    return;
  }
  to->masked = true;
  CHECK(write(to->ends[1], "", 1) == 1);
}

int xenevtchn_notify(xenevtchn_handle *from, evtchn_port_t port) {
  deliver(from == server ? client : server);
  return 0;
}

static void call_once(void (**callback)(void)) {
  void (*call)(void) = *callback;
  *callback = NULL;
  if (call) call();
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *handle) {
  char event;
  if (handle == server) call_once(&fake_xen_before_take);
  ssize_t taken = read(handle->ends[0], &event, 1);
  if (handle == server) call_once(&fake_xen_after_take);
  if (taken != 1) return -1;
  return handle == server ? server_port : client_port;
}

int xenevtchn_unmask(xenevtchn_handle *handle, evtchn_port_t port) {
  handle->masked = false;
  if (!handle->pending) return 0;
  handle->pending = false;
  deliver(handle);
  return 0;
}

unsigned fake_xen_server_events(void) { return server && server->masked; }

/* All granted pages; a reference is the number of a page in it. */
static int memory = -1;
static uint32_t pages_used;
static struct {
  void *page;
  uint32_t offset;
} client_notify;

static void *map_pages(uint32_t first, uint32_t count) {
  void *pages =
      mmap(NULL, (size_t)count * page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory, (off_t)first * page_bytes);
  CHECK(pages != MAP_FAILED);
  return pages;
}

static int gnt_handle;
xengntshr_handle *xengntshr_open(struct xentoollog_logger *logger, unsigned flags) {
  if (!fake_xen_devices_missing) return (xengntshr_handle *)&gnt_handle;
  errno = ENOENT;
  return NULL;
}
xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned flags) {
  return (xengnttab_handle *)&gnt_handle;
}
int xengntshr_close(xengntshr_handle *handle) { return 0; }
int xengnttab_close(xengnttab_handle *handle) { return 0; }
int xengntshr_fd(xengntshr_handle *handle) { return memory; }

void *xengntshr_share_pages(xengntshr_handle *handle, uint32_t domain, int count, uint32_t *refs, int writable) {
  if (memory < 0) {
    memory = memfd_create("granted", MFD_CLOEXEC);
    /* The first page has no reference: 0 is none. */
    pages_used = 1;
    CHECK(ftruncate(memory, pages_max * page_bytes) == 0);
  }
  CHECK(domain == 0 && writable && pages_used + (uint32_t)count <= pages_max);
  for (int i = 0; i < count; i++) refs[i] = pages_used + (uint32_t)i;
  pages_used += (uint32_t)count;
  return map_pages(refs[0], (uint32_t)count);
}

void *xengntshr_share_page_notify(xengntshr_handle *handle, uint32_t domain, uint32_t *ref, int writable,
                                  uint32_t notify_offset, evtchn_port_t notify_port) {
  return xengntshr_share_pages(handle, domain, 1, ref, writable);
}

int xengntshr_unshare(xengntshr_handle *handle, void *pages, uint32_t count) {
  return munmap(pages, (size_t)count * page_bytes);
}

void *xengnttab_map_domain_grant_refs(xengnttab_handle *handle, uint32_t count, uint32_t domain, uint32_t *refs,
                                      int protection) {
  return map_pages(refs[0], count);
}

void *xengnttab_map_grant_ref_notify(xengnttab_handle *handle, uint32_t domain, uint32_t ref, int protection,
                                     uint32_t notify_offset, evtchn_port_t notify_port) {
  client_notify.page = map_pages(ref, 1);
  client_notify.offset = notify_offset;
  return client_notify.page;
}

int xengnttab_unmap(xengnttab_handle *handle, void *pages, uint32_t count) {
  if (pages == client_notify.page) {
    ((uint8_t *)pages)[client_notify.offset] = 0;
    deliver(server);
  }
  return munmap(pages, (size_t)count * page_bytes);
}

static struct {
  char path[64], value[64];
} store[16];
static int store_handle;

static char *find(const char *path, bool make) {
  for (size_t i = 0; i < sizeof store / sizeof *store; i++) {
    if (!store[i].path[0] && make) strncpy(store[i].path, path, sizeof store[i].path - 1);
    if (strcmp(store[i].path, path) == 0) return store[i].value;
  }
  return NULL;
}

void fake_xen_store(const char *path, const char *value) {
  char *place = find(path, true);
  CHECK(place);
  strncpy(place, value, sizeof store[0].value - 1);
}

struct xs_handle *xs_open(unsigned long flags) { return (struct xs_handle *)&store_handle; }
void xs_close(struct xs_handle *handle) {}
xs_transaction_t xs_transaction_start(struct xs_handle *handle) { return 1; }
bool xs_transaction_end(struct xs_handle *handle, xs_transaction_t transaction, bool abort) { return true; }
bool xs_set_permissions(struct xs_handle *handle, xs_transaction_t transaction, const char *path,
                        struct xs_permissions *permissions, unsigned count) {
  return true;
}

void *xs_read(struct xs_handle *handle, xs_transaction_t transaction, const char *path, unsigned *size) {
  fake_xen_store_reads++;
  const char *value = strcmp(path, "domid") == 0 ? "7" : find(path, false);
  if (!value || !value[0]) return NULL;
  if (size) *size = (unsigned)strlen(value);
  return strdup(value);
}

bool xs_write(struct xs_handle *handle, xs_transaction_t transaction, const char *path, const void *value,
              unsigned size) {
  char text[64] = "";
  CHECK(size < sizeof text);
  memcpy(text, value, size);
  fake_xen_store(path, text);
  return true;
}

bool xs_rm(struct xs_handle *handle, xs_transaction_t transaction, const char *path) {
  for (size_t i = 0; i < sizeof store / sizeof *store; i++)
    if (strncmp(store[i].path, path, strlen(path)) == 0) store[i].value[0] = 0;
  return true;
}

struct libxenvchan *fake_xen_client(const char *path) {
  struct libxenvchan *opened = libxenvchan_client_init(NULL, 7, path);
  if (opened) opened->blocking = 0;
  return opened;
}

void fake_xen_kill_client(struct libxenvchan *killed) {
  /* The library's own way out would say goodbye; a killed process is only cleaned up after. */
  xenevtchn_handle *handle = killed->event;
  void *ring = killed->ring;
  killed->event = NULL;
  killed->ring = NULL;
  libxenvchan_close(killed);
  xengnttab_unmap(NULL, ring, 1);
  xenevtchn_close(handle);
}
