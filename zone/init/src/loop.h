#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The one loop of init: file descriptors and timers, no threads. */

#define owner_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

struct watch {
  int fd;
  bool active;
  void (*ready)(struct watch *watch, uint32_t events);
};

struct timer {
  uint64_t at_ms;
  bool armed;
  void (*fire)(struct timer *timer);
  struct timer *next;
};

/* Milliseconds since boot. */
uint64_t now_ms(void);

/* False when the loop cannot be made. */
bool loop_start(void);

/* `events` are those of epoll; false when the kernel refuses the descriptor. */
bool watch_add(struct watch *watch, int fd, uint32_t events, void (*ready)(struct watch *, uint32_t));
void watch_remove(struct watch *watch);

/* Fires once; setting an armed timer moves it. */
void timer_set(struct timer *timer, uint64_t delay_ms, void (*fire)(struct timer *));
void timer_clear(struct timer *timer);

/* Waits for events, at most `max_wait_ms` (-1: for ever), and handles them. */
void loop_turn(int max_wait_ms);

#endif
