#ifndef SLICE_H
#define SLICE_H

#include <pb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that belong to somebody else: to a received packet while it is handled, or to what a message to be sent
 * refers to. Never terminated. */
struct slice {
  const uint8_t *data;
  size_t size;
};

/* Repeated strings. All three begin alike; slice_callback finds the capacity from the field's size. */
struct slice_list {
  size_t count;
  struct slice items[16];
};

struct slice_list_large {
  size_t count;
  struct slice items[128];
};

struct slice_list_huge {
  size_t count;
  struct slice items[512];
};

/* nanopb's access to slices and lists of slices: decodes without copying, refuses more items than fit. */
bool slice_callback(pb_istream_t *input, pb_ostream_t *output, const pb_field_t *field);

struct slice slice_of(const char *text);
bool slice_equals(struct slice slice, const char *text);

/* Copies as a terminated string; false when it does not fit or has a zero byte in it. */
bool slice_to_string(struct slice slice, char *out, size_t capacity);

#endif
