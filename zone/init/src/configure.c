#include "configure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bounds.h"
#include "clock.h"
#include "entropy.h"
#include "files.h"
#include "link.h"
#include "loop.h"
#include "modules.h"
#include "packet.h"
#include "resolver.h"
#include "storage.h"

/* A step's answer: it is done, it waits for a device, or it failed with errno; `subject` names what it was at. */
enum outcome { outcome_done, outcome_waiting, outcome_failed };

static idm_Request request;
static struct slice kept;
static struct reply answer;
static struct timer deadline;
static bool active, carried_out;
static unsigned step;
static char subject[160];
/* Why a step failed, where errno says too little. */
static const char *reason;

bool configure_done(void) { return carried_out; }
bool configure_has_scratch(void) { return storage_has_scratch(); }

static enum outcome of(bool done) { return done ? outcome_done : outcome_failed; }

static void name_subject(const char *kind, struct slice name) {
  snprintf(subject, sizeof subject, "%s %.*s", kind, (int)(name.size < 100 ? name.size : 100), (const char *)name.data);
}

static enum outcome outcome_of(enum storage_result result) {
  return result == storage_mounted ? outcome_done : result == storage_awaited ? outcome_waiting : outcome_failed;
}

static enum outcome set_clock(const idm_ConfigureRequest *wanted) { return of(clock_set(wanted->clock_unix_ns)); }

static enum outcome add_seed(const idm_ConfigureRequest *wanted) { return of(entropy_add(wanted->random_seed)); }

static enum outcome set_hostname(const idm_ConfigureRequest *wanted) {
  char name[65];
  if (wanted->hostname.size == 0) return outcome_done;
  name_subject("host name", wanted->hostname);
  errno = EINVAL;
  if (!slice_to_string(wanted->hostname, name, sizeof name)) return outcome_failed;
  if (sethostname(name, strlen(name)) != 0) return outcome_failed;
  strcat(name, "\n");
  return of(file_write("/etc/hostname", name, strlen(name), 0644));
}

static enum outcome mount_addons(const idm_ConfigureRequest *wanted) {
  name_subject("addons disk", wanted->addons_disk_serial);
  enum outcome outcome = outcome_of(storage_mount_addons(wanted->addons_disk_serial));
  for (size_t i = 0; outcome == outcome_done && i < wanted->addon_disk_serials.count; i++) {
    name_subject("addon disk", wanted->addon_disk_serials.items[i]);
    outcome = outcome_of(storage_mount_addon(i, wanted->addon_disk_serials.items[i]));
  }
  return outcome;
}

static enum outcome load_modules(const idm_ConfigureRequest *wanted) {
  for (size_t i = 0; i < wanted->modules_count; i++) {
    const idm_Module *module = &wanted->modules[i];
    char name[129], parameters[1024] = "";
    name_subject("module", module->name);
    errno = EINVAL;
    if (!slice_to_string(module->name, name, sizeof name)) return outcome_failed;
    for (size_t p = 0; p < module->parameters.count; p++) {
      size_t used = strlen(parameters);
      if (used > 0) parameters[used++] = ' ';
      if (used >= sizeof parameters ||
          !slice_to_string(module->parameters.items[p], parameters + used, sizeof parameters - used))
        return outcome_failed;
    }
    reason = modules_load(name, parameters);
    if (reason) return outcome_failed;
  }
  return outcome_done;
}

static enum outcome await_links(const idm_ConfigureRequest *wanted) {
  for (size_t i = 0; i < wanted->links_count; i++) {
    name_subject("link", wanted->links[i].mac);
    if (wanted->links[i].mac.size > 0 && !link_present(wanted->links[i].mac))
      return errno == EINVAL ? outcome_failed : outcome_waiting;
  }
  return outcome_done;
}

static enum outcome apply_links(const idm_ConfigureRequest *wanted) {
  for (size_t i = 0; i < wanted->links_count; i++) {
    name_subject("link", wanted->links[i].name);
    if (!link_apply(&wanted->links[i])) return outcome_failed;
  }
  for (size_t i = 0; i < wanted->neighbors_count; i++) {
    name_subject("neighbour", wanted->neighbors[i].address);
    if (!link_apply_neighbor(&wanted->neighbors[i])) return outcome_failed;
  }
  for (size_t i = 0; i < wanted->routes_count; i++) {
    name_subject("route", wanted->routes[i].destination);
    if (!link_apply_route(&wanted->routes[i])) return outcome_failed;
  }
  return outcome_done;
}

static enum outcome write_resolver(const idm_ConfigureRequest *wanted) {
  return wanted->has_resolver ? of(resolver_apply(&wanted->resolver)) : outcome_done;
}

static enum outcome apply_sysctls(const idm_ConfigureRequest *wanted) {
  for (size_t i = 0; i < wanted->sysctls_count; i++) {
    static const char folder[] = "/proc/sys/";
    char path[sizeof folder + 128], value[256];
    name_subject("sysctl", wanted->sysctls[i].key);
    errno = EINVAL;
    memcpy(path, folder, sizeof folder);
    char *key = path + sizeof folder - 1;
    if (!slice_to_string(wanted->sysctls[i].key, key, 128) || strstr(key, "..") ||
        !slice_to_string(wanted->sysctls[i].value, value, sizeof value))
      return outcome_failed;
    /* Dots separate unless slashes do: then they belong to a link's name. */
    if (!strchr(key, '/'))
      for (; *key; key++)
        if (*key == '.') *key = '/';
    if (file_set(path, value)) continue;
    if (errno == ENOENT)
      reason = "the zone's kernel has no such setting; if it comes with a module, have that loaded";
    else if (errno == EINVAL || errno == ERANGE)
      reason = "the kernel does not take this value";
    return outcome_failed;
  }
  return outcome_done;
}

static enum outcome mount_scratch(const idm_ConfigureRequest *wanted) {
  if (!wanted->has_scratch) return outcome_done;
  return outcome_of(storage_mount_scratch(&wanted->scratch));
}

static const struct {
  const char *name;
  enum outcome (*carry_out)(const idm_ConfigureRequest *wanted);
} steps[] = {
    {"clock", set_clock},
    {"random seed", add_seed},
    {"host name", set_hostname},
    {"addons", mount_addons},
    {"modules", load_modules},
    {"links", await_links},
    {"network", apply_links},
    {"resolver", write_resolver},
    {"sysctls", apply_sysctls},
    {"scratch", mount_scratch},
};

static void finish(void) {
  explicit_bzero((void *)kept.data, kept.size);
  munmap((void *)kept.data, kept.size);
  kept = (struct slice){0};
  memset(&request, 0, sizeof request);
  timer_clear(&deadline);
  active = false;
}

static void timed_out(struct timer *timer) {
  (void)timer;
  reply_error(&answer, code_deadline_exceeded, "configure %s: %s has not come", steps[step].name, subject);
  finish();
}

static void advance(void) {
  for (; step < sizeof steps / sizeof *steps; step++) {
    snprintf(subject, sizeof subject, "%s", steps[step].name);
    reason = NULL;
    enum outcome outcome = steps[step].carry_out(&request.request.configure);
    if (outcome == outcome_waiting) return;
    if (outcome == outcome_done) continue;
    enum code code = reason ? code_failed_precondition : errno == EINVAL ? code_invalid_argument : code_internal;
    reply_error(&answer, code, "configure %s: %s: %s", steps[step].name, subject, reason ? reason : strerror(errno));
    finish();
    return;
  }
  carried_out = true;
  reply_done(&answer);
  finish();
}

void configure_devices_changed(void) {
  if (active) advance();
}

void configure(struct slice raw, const struct reply *reply) {
  struct reply refused = *reply;
  if (active && reply_pending(&answer)) {
    reply_error(&refused, code_aborted, "the zone is being configured already");
    return;
  }
  if (active) finish();
  void *copy = mmap(NULL, raw.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) {
    reply_error(&refused, code_resource_exhausted, "no memory for the configuration");
    return;
  }
  memcpy(copy, raw.data, raw.size);
  kept = (struct slice){copy, raw.size};
  packet_decode_data(kept, idm_Request_fields, &request, sizeof request);
  answer = *reply;
  step = 0;
  active = true;
  uint64_t now = now_ms();
  uint64_t left = reply->deadline_ms > now ? reply->deadline_ms - now : 0;
  timer_set(&deadline, left - left / 8, timed_out);
  advance();
}
