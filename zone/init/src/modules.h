#ifndef MODULES_H
#define MODULES_H

#include <stdbool.h>

/* Loads a module from the addons (dependencies first, as modules.dep says) or from the ramdisk's own. One that is in the
 * kernel already is no error. False with errno when it cannot be. */
bool modules_load(const char *name, const char *parameters);

/* Loads one file, plain or compressed. */
bool modules_load_file(const char *path, const char *parameters);

#endif
