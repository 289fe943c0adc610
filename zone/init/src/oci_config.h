#ifndef OCI_CONFIG_H
#define OCI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "slice.h"

/* The two things that init has to know of an OCI configuration, which otherwise goes to crun as it is. */

/* `process.terminal` is true. */
bool oci_config_terminal(struct slice json);
/* The host name; false when it is absent, does not fit or holds an escape. */
bool oci_config_hostname(struct slice json, char *out, size_t capacity);

#endif
