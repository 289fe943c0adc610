#include "hello.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "bounds.h"
#include "files.h"
#include "loop.h"

#ifndef INIT_VERSION
#define INIT_VERSION "0.1.0"
#endif

static uint8_t boot_id[16];
static struct utsname kernel;

static int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static void read_boot_id(void) {
  char text[64];
  if (!file_read_line("/proc/sys/kernel/random/boot_id", text, sizeof text)) return;
  unsigned nibbles = 0;
  for (const char *at = text; *at && nibbles < 32; at++) {
    int digit = hex_digit(*at);
    if (digit < 0) continue;
    boot_id[nibbles / 2] = (uint8_t)(boot_id[nibbles / 2] << 4 | digit);
    nibbles++;
  }
}

void hello_fill(idm_Hello *hello) {
  if (!kernel.release[0]) {
    uname(&kernel);
    read_boot_id();
  }
  *hello = (idm_Hello){
      .protocol_min = 1,
      .protocol_max = 1,
      .boot_id = {boot_id, sizeof boot_id},
      .version = slice_of(INIT_VERSION),
      .kernel_release = slice_of(kernel.release),
      .receive_max_bytes = receive_max_bytes,
      .stream_window_bytes = stream_window_bytes,
      .uptime_ms = now_ms(),
  };
}
