/* relay - messages of [routing id][frame] from one socket to another */

#ifndef WORKER_RELAY_H
#define WORKER_RELAY_H

#include <stdbool.h>
#include <stdint.h>

/* Whether a socket takes a message now. */
bool relay_takes(void *socket);

/* One message that is there; what `to` does not take is dropped.  False: there
 * is none.  Others than of two frames are counted in *malformed (or NULL). */
bool relay_one(void *from, void *to, uint64_t *malformed);

#endif
