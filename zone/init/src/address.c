#include "address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

bool address_parse(struct slice text, struct address *address) {
  char buffer[64];
  if (!slice_to_string(text, buffer, sizeof buffer)) return false;
  char *slash = strchr(buffer, '/');
  if (slash) *slash = 0;
  address->family = strchr(buffer, ':') ? AF_INET6 : AF_INET;
  address->size = address->family == AF_INET6 ? 16 : 4;
  address->prefix = (uint8_t)(8 * address->size);
  if (inet_pton(address->family, buffer, address->bytes) != 1) return false;
  if (!slash) return true;
  char *end;
  unsigned long prefix = strtoul(slash + 1, &end, 10);
  if (slash[1] < '0' || slash[1] > '9' || *end || prefix > 8ul * address->size) return false;
  address->prefix = (uint8_t)prefix;
  return true;
}

static int nibble(uint8_t digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

bool mac_parse(struct slice text, uint8_t mac[6]) {
  if (text.size != 17) return false;
  for (int i = 0; i < 6; i++) {
    int high = nibble(text.data[3 * i]), low = nibble(text.data[3 * i + 1]);
    if (high < 0 || low < 0 || (i < 5 && text.data[3 * i + 2] != ':')) return false;
    mac[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}
