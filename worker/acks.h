/* acks - acknowledging EVENTs, all of a link in one frame */

#ifndef WORKER_ACKS_H
#define WORKER_ACKS_H

#include <stddef.h>
#include <stdint.h>

#include "../shared/wire.h"

enum { ACKS_MAX = 512 }; /* in a call */

struct acks_item {
	uint8_t link[WIRE_LINK_LEN];
	struct wire_ack ack;
};

/* Send them as of the worker start `boot` over `socket` (a ROUTER, or a pair to
 * one).  Their order changes.  A gateway that is gone is passed over: it sends
 * its events again to whom it finds. */
void acks_send(void *socket, uint64_t boot, struct acks_item *items, size_t n);

#endif
