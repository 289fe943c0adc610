#include "slice.h"

#include <pb_decode.h>
#include <pb_encode.h>
#include <string.h>

static size_t list_capacity(const pb_field_t *field) {
  return (field->data_size - offsetof(struct slice_list, items)) / sizeof(struct slice);
}

/* All three lists begin alike, but only the field tells how long this one is. */
static struct slice *list_items(void *list) {
  return (struct slice *)((char *)list + offsetof(struct slice_list, items));
}

static bool decode(pb_istream_t *input, const pb_field_t *field) {
  struct slice *target = field->pData;
  if (PB_HTYPE(field->type) == PB_HTYPE_REPEATED) {
    struct slice_list *list = field->pData;
    if (list->count == list_capacity(field)) PB_RETURN_ERROR(input, "too many items");
    target = list_items(list) + list->count++;
  } else if (PB_HTYPE(field->type) == PB_HTYPE_ONEOF) {
    *(pb_size_t *)field->pSize = field->tag;
  }
  /* The stream reads from memory, so its state is the place it has come to. */
  target->data = input->state;
  target->size = input->bytes_left;
  return pb_read(input, NULL, input->bytes_left);
}

static bool encode(pb_ostream_t *output, const pb_field_t *field, const struct slice *slice) {
  return pb_encode_tag_for_field(output, field) && pb_encode_string(output, slice->data, slice->size);
}

bool slice_callback(pb_istream_t *input, pb_ostream_t *output, const pb_field_t *field) {
  if (input) return decode(input, field);
  if (PB_HTYPE(field->type) == PB_HTYPE_REPEATED) {
    struct slice_list *list = field->pData;
    for (size_t i = 0; i < list->count; i++)
      if (!encode(output, field, list_items(list) + i)) return false;
    return true;
  }
  const struct slice *slice = field->pData;
  if (slice->size == 0 && PB_HTYPE(field->type) != PB_HTYPE_ONEOF) return true;
  return encode(output, field, slice);
}

struct slice slice_of(const char *text) {
  return (struct slice){(const uint8_t *)text, strlen(text)};
}

bool slice_equals(struct slice slice, const char *text) {
  return slice.size == strlen(text) && (slice.size == 0 || memcmp(slice.data, text, slice.size) == 0);
}

bool slice_to_string(struct slice slice, char *out, size_t capacity) {
  if (slice.size >= capacity) return false;
  if (slice.size > 0) {
    if (memchr(slice.data, 0, slice.size)) return false;
    memcpy(out, slice.data, slice.size);
  }
  out[slice.size] = 0;
  return true;
}
