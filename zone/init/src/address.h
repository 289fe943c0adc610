#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

struct address {
  /* AF_INET or AF_INET6. */
  uint8_t family;
  uint8_t bytes[16];
  /* 4 or 16. */
  uint8_t size;
  /* All bits when the text had no prefix. */
  uint8_t prefix;
};

/* "10.0.0.1", "10.0.0.1/32", "fd00::1/128". */
bool address_parse(struct slice text, struct address *address);

/* "02:00:00:00:00:01" */
bool mac_parse(struct slice text, uint8_t mac[6]);

#endif
