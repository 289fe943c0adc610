#ifndef LINK_H
#define LINK_H

#include <stdbool.h>

#include "idm.pb.h"

/* Network links, addresses, routes and neighbours. Each call leaves what is already so; false with errno. */

/* The interface with this MAC is there. */
bool link_present(struct slice mac);
/* Renames it, sets its MTU and addresses, and takes it up. */
bool link_apply(const idm_Link *link);
bool link_apply_route(const idm_Route *route);
bool link_apply_neighbor(const idm_Neighbor *neighbor);
/* lo with 127.0.0.1/8 and ::1. */
bool link_start_loopback(void);

#endif
