#ifndef RESOLVER_H
#define RESOLVER_H

#include <stdbool.h>

#include "idm.pb.h"

/* Writes resolv.conf for workloads and for the zone itself; false with errno. */
bool resolver_apply(const idm_Resolver *resolver);

#endif
