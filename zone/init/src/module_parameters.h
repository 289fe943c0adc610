#ifndef MODULE_PARAMETERS_H
#define MODULE_PARAMETERS_H

#include <stdbool.h>

/* The kernel says nothing of parameters that it does not know. Both give null, or the reason why one of the parameters
 * ("a=1 b=2") has no effect, which holds until the next call. */

/* After a module was loaded from `file` with them: takes it out again when it lacks one. */
const char *module_parameters_check(const char *name, const char *parameters, const char *file);

/* For a module that the kernel has already: sets what can still be set. */
const char *module_parameters_change(const char *name, const char *parameters);

/* Whether a module's file tells of the parameter; true for a file that is compressed, which nobody can read here. */
bool module_file_has_parameter(const char *file, const char *parameter);

#endif
