#ifndef HELLO_H
#define HELLO_H

#include "idm.pb.h"

/* Fills in the zone's introduction; what it refers to stays. */
void hello_fill(idm_Hello *hello);

#endif
