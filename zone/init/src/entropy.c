#include "entropy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool entropy_add(struct slice seed) {
  struct {
    int bits;
    int size;
    uint8_t bytes[entropy_max_bytes];
  } pool = {.bits = (int)seed.size * 8, .size = (int)seed.size};
  if (seed.size == 0) return true;
  if (seed.size < entropy_min_bytes || seed.size > entropy_max_bytes) {
    errno = EINVAL;
    return false;
  }
  memcpy(pool.bytes, seed.data, seed.size);
  int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
  /* Reseeding makes the new bytes count at once: two zones from one template never draw the same. */
  bool added = fd >= 0 && ioctl(fd, RNDADDENTROPY, &pool) == 0 && ioctl(fd, RNDRESEEDCRNG) == 0;
  int error = errno;
  if (fd >= 0) close(fd);
  explicit_bzero(&pool, sizeof pool);
  errno = error;
  return added;
}
