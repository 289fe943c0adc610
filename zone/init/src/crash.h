#ifndef CRASH_H
#define CRASH_H

/* A fault of init itself powers the zone off in place of a kernel panic. */
void crash_start(void);

#endif
