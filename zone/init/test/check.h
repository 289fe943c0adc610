#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>

/* One test: its title says what holds. */
struct test {
  const char *title;
  void (*run)(void);
};

#define CHECK(condition)                                                           \
  do {                                                                             \
    if (!(condition)) {                                                            \
      printf("    %s:%d: not so: %s\n", __FILE__, __LINE__, #condition);          \
      exit(1);                                                                     \
    }                                                                              \
  } while (0)

extern const struct test frame_tests[], ring_tests[], outbox_tests[], idm_tests[], message_tests[], input_tests[], dial_tests[],
    reap_tests[], vchan_tests[], xen_disk_tests[], cpu_list_tests[], metrics_tests[];

/* Folder with the shared vectors. */
extern const char *vectors_folder;

#endif
