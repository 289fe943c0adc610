#include "crc32.h"

#include <stdbool.h>
#include <string.h>

/* Eight bytes a step (Kounavis and Berry, "slicing-by-8"): emulated CPUs make the plain loop the slowest part of a
 * flood of output. */
static uint32_t tables[8][256];

static void fill_tables(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ (value & 1 ? 0xedb88320u : 0);
    tables[0][byte] = value;
  }
  for (int slice = 1; slice < 8; slice++)
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t previous = tables[slice - 1][byte];
      tables[slice][byte] = (previous >> 8) ^ tables[0][previous & 0xff];
    }
}

uint32_t crc32(const uint8_t *bytes, size_t size) {
  static bool filled;
  if (!filled) {
    fill_tables();
    filled = true;
  }
  uint32_t value = 0xffffffffu;
  for (; size >= 8; size -= 8, bytes += 8) {
    uint32_t low, high;
    memcpy(&low, bytes, 4);
    memcpy(&high, bytes + 4, 4);
    low ^= value;
    value = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24] ^
            tables[3][high & 0xff] ^ tables[2][high >> 8 & 0xff] ^ tables[1][high >> 16 & 0xff] ^ tables[0][high >> 24];
  }
  for (; size > 0; size--) value = (value >> 8) ^ tables[0][(value ^ *bytes++) & 0xff];
  return ~value;
}
