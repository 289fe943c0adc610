#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>

/* Takes the root of its mount namespace away and lists what is below: the root of the zone, unless pivot_root has let go
 * of that. Needs CAP_SYS_ADMIN. */
int main(void) {
  int namespace = open("/proc/self/ns/mnt", O_RDONLY);
  if (namespace < 0 || umount2("/", MNT_DETACH) != 0 || setns(namespace, CLONE_NEWNS) != 0) {
    perror("leave-root");
    return 1;
  }
  DIR *directory = opendir("/");
  if (!directory) return 1;
  puts("below:");
  for (struct dirent *entry; (entry = readdir(directory));)
    if (entry->d_name[0] != '.') puts(entry->d_name);
  return 0;
}
