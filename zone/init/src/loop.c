#include "loop.h"

#include <sys/epoll.h>
#include <time.h>

enum { batch_size = 16 };

static int epoll_fd = -1;
static struct timer *first_timer;
static struct epoll_event batch[batch_size];
static int batch_count;

uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool loop_start(void) {
  if (epoll_fd < 0) epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  return epoll_fd >= 0;
}

bool watch_add(struct watch *watch, int fd, uint32_t events, void (*ready)(struct watch *, uint32_t)) {
  struct epoll_event event = {.events = events, .data.ptr = watch};
  if (watch->active) return true;
  *watch = (struct watch){.fd = fd, .ready = ready};
  watch->active = epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
  return watch->active;
}

void watch_remove(struct watch *watch) {
  if (!watch->active) return;
  epoll_ctl(epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
  watch->active = false;
  for (int i = 0; i < batch_count; i++)
    if (batch[i].data.ptr == watch) batch[i].data.ptr = NULL;
}

void timer_clear(struct timer *timer) {
  if (!timer->armed) return;
  struct timer **link = &first_timer;
  while (*link != timer) link = &(*link)->next;
  *link = timer->next;
  timer->armed = false;
}

void timer_set(struct timer *timer, uint64_t delay_ms, void (*fire)(struct timer *)) {
  timer_clear(timer);
  timer->at_ms = now_ms() + delay_ms;
  timer->fire = fire;
  timer->armed = true;
  struct timer **link = &first_timer;
  while (*link && (*link)->at_ms <= timer->at_ms) link = &(*link)->next;
  timer->next = *link;
  *link = timer;
}

static void fire_timers(void) {
  uint64_t now = now_ms();
  /* Bounded, so that timers that set themselves again at once leave room for events. */
  for (int fired = 0; fired < 64 && first_timer && first_timer->at_ms <= now; fired++) {
    struct timer *timer = first_timer;
    timer_clear(timer);
    timer->fire(timer);
  }
}

static int wait_ms(int max_wait_ms) {
  if (!first_timer) return max_wait_ms;
  uint64_t now = now_ms();
  uint64_t until = first_timer->at_ms > now ? first_timer->at_ms - now : 0;
  if (max_wait_ms >= 0 && until > (uint64_t)max_wait_ms) return max_wait_ms;
  return until > 60000 ? 60000 : (int)until;
}

void loop_turn(int max_wait_ms) {
  int count = epoll_wait(epoll_fd, batch, batch_size, wait_ms(max_wait_ms));
  batch_count = count > 0 ? count : 0;
  for (int i = 0; i < batch_count; i++) {
    struct watch *watch = batch[i].data.ptr;
    if (watch && watch->active) watch->ready(watch, batch[i].events);
  }
  batch_count = 0;
  fire_timers();
}
