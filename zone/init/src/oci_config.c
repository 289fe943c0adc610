#include "oci_config.h"

#include <string.h>

/* What follows the key and its colon; size 0 when there is none. Inside of JSON's strings every quotation mark is escaped,
 * so the key in its own marks is found where it is a key and nowhere else. */
static struct slice value_of(struct slice json, const char *key) {
  size_t key_size = strlen(key);
  while (json.size > key_size) {
    const uint8_t *found = memmem(json.data, json.size, key, key_size);
    if (!found) break;
    json.size -= (size_t)(found - json.data) + key_size;
    json.data = found + key_size;
    size_t at = 0;
    while (at < json.size && strchr(" \t\r\n", json.data[at])) at++;
    if (at == json.size || json.data[at] != ':') continue;
    at++;
    while (at < json.size && strchr(" \t\r\n", json.data[at])) at++;
    return (struct slice){json.data + at, json.size - at};
  }
  return (struct slice){0};
}

bool oci_config_terminal(struct slice json) {
  static const char yes[] = "true";
  struct slice value = value_of(json, "\"terminal\"");
  return value.size >= sizeof yes - 1 && memcmp(value.data, yes, sizeof yes - 1) == 0;
}

bool oci_config_hostname(struct slice json, char *out, size_t capacity) {
  struct slice value = value_of(json, "\"hostname\"");
  if (value.size == 0 || value.data[0] != '"') return false;
  const uint8_t *end = memchr(value.data + 1, '"', value.size - 1);
  if (!end || memchr(value.data, '\\', (size_t)(end - value.data))) return false;
  return slice_to_string((struct slice){value.data + 1, (size_t)(end - value.data) - 1}, out, capacity) && out[0];
}
