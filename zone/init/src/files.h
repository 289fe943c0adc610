#ifndef FILES_H
#define FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Files and folders; all give false with errno set when they fail. */

/* The first line without its newline; false also when the file is empty. */
bool file_read_line(const char *path, char *out, size_t capacity);
/* Up to `capacity` - 1 bytes, terminated; -1 when it cannot be read. */
ssize_t file_read(const char *path, char *out, size_t capacity);
/* Replaces the content. */
bool file_write(const char *path, const void *bytes, size_t size, mode_t mode);
/* One write(2) to a file of /proc, /sys or a cgroup, which must exist. */
bool file_set(const char *path, const char *value);
/* Makes a folder; one that is there already is no error. */
bool folder_make(const char *path, mode_t mode);
/* Removes all below `path`, and `path`, without leaving its filesystem or following links. */
bool tree_remove(const char *path);

#endif
