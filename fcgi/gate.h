/*
 * gate - serves one request: reads, verifies, parks it, answers
 *
 * A thread that serves is free again as soon as the event is handed to the
 * link; the link's thread writes the answer when a worker has it on disk.
 */

#ifndef FCGI_GATE_H
#define FCGI_GATE_H

#include "../shared/config.h"
#include "front.h"

struct gate;

/* Start the link.  A reference of `config` is taken.  NULL, logged. */
struct gate *gate_new(struct config *config);

/* Serve a request, which is closed sooner or later.  From any thread. */
void gate_serve(struct gate *gate, struct front *front);

/* To be called before the thread that served waits for more: what it served is
 * on its way then. */
void gate_flush(struct gate *gate);

/* Use another configuration for requests from now on.  0, or -1, logged, and
 * the present one stays. */
int gate_reload(struct gate *gate, struct config *config);

/* /-/ready says no from now on. */
void gate_drain(struct gate *gate);

/* Wait for the answers of all parked requests, then release.  No thread may
 * serve any more.  NULL is fine. */
void gate_free(struct gate *gate);

#endif
