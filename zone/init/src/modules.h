#ifndef MODULES_H
#define MODULES_H

#include <stdbool.h>

/* Loads a module from the addons (dependencies first, as modules.dep says) or from the ramdisk's own. One that is in the
 * kernel already is no error, and neither is one that was loaded with these parameters before. Null, or the reason why it
 * cannot be, which holds until the next call. */
const char *modules_load(const char *name, const char *parameters);

/* Looks for modules in this folder, which has a modules.dep, before those that are known. */
void modules_add_folder(const char *folder);

/* Loads one file, plain or compressed. */
bool modules_load_file(const char *path, const char *parameters);

#endif
