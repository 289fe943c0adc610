#ifndef VCHAN_H
#define VCHAN_H

#include "carrier.h"

/* Offers domain 0 a vchan at this path of the zone's own part of xenstore; NULL while a device for it is missing. At
 * most one is open at a time. */
struct carrier *vchan_open(const char *path);

#endif
