#include "resolver.h"

#include <errno.h>
#include <string.h>

#include "files.h"

struct text {
  char bytes[4096];
  size_t size;
};

static bool add(struct text *text, struct slice word) {
  if (word.size > sizeof text->bytes - text->size) return false;
  /* A line break would let a name become a line of its own. */
  if (word.size > 0 && (memchr(word.data, '\n', word.size) || memchr(word.data, 0, word.size))) return false;
  if (word.size > 0) memcpy(text->bytes + text->size, word.data, word.size);
  text->size += word.size;
  return true;
}

static bool end_line(struct text *text) {
  if (text->size == sizeof text->bytes) return false;
  text->bytes[text->size++] = '\n';
  return true;
}

static bool add_line(struct text *text, const char *keyword, const struct slice_list *words) {
  if (words->count == 0) return true;
  if (!add(text, slice_of(keyword))) return false;
  for (size_t i = 0; i < words->count; i++)
    if (!add(text, slice_of(" ")) || !add(text, words->items[i])) return false;
  return end_line(text);
}

bool resolver_apply(const idm_Resolver *resolver) {
  struct text text = {.size = 0};
  errno = EINVAL;
  for (size_t i = 0; i < resolver->nameservers.count; i++)
    if (!add(&text, slice_of("nameserver ")) || !add(&text, resolver->nameservers.items[i]) || !end_line(&text))
      return false;
  if (!add_line(&text, "search", &resolver->searches) || !add_line(&text, "options", &resolver->options)) return false;
  return file_write("/run/protect/resolv.conf", text.bytes, text.size, 0644) &&
         file_write("/etc/resolv.conf", text.bytes, text.size, 0644);
}
