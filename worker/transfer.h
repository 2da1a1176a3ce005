/*
 * transfer - who an ended exchange of the one curl multi belongs to
 *
 * Deliveries and fetched keys share the dispatcher's multi.  CURLINFO_PRIVATE
 * of each easy handle is a struct transfer, the first member of what its owner
 * keeps of it.
 */

#ifndef WORKER_TRANSFER_H
#define WORKER_TRANSFER_H

#include <stdbool.h>

#include <curl/curl.h>

struct transfer {
	void (*ended)(struct transfer *transfer, CURLcode code);
};

/* Tell the owner of each exchange that has ended; whether there was one. */
bool transfer_ready(CURLM *multi);

/* Which fault it was: dns connect timeout tls, or broken. */
const char *transfer_fault(CURLcode code);

#endif
