#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "../shared/log.h"

static const struct store_ops *const kinds[] = {&store_sqlite, &store_memory};

static const char *const state_names[DELIVERY__MAX] = {
    [DELIVERY_PENDING] = "pending",
    [DELIVERY_RUNNING] = "running",
    [DELIVERY_WAITING] = "waiting",
    [DELIVERY_EXHAUSTED] = "exhausted",
    [DELIVERY_DELIVERED] = "delivered",
    [DELIVERY_DEAD] = "dead",
    [DELIVERY_CANCELLED] = "cancelled",
};

const char *
delivery_state_name(enum delivery_state state)
{
	return state < DELIVERY__MAX ? state_names[state] : "unknown";
}

void
store_delivery_free(struct store_delivery *delivery)
{
	if (delivery == NULL)
		return;
	event_free(delivery->event);
	free(delivery->route);
	free(delivery->reason);
	free(delivery->attempts);
	free(delivery);
}

bool
store_blob_fits(const struct store_blob *blob)
{
	size_t len = strlen(blob->name);

	return len > 0 && len <= STORE_BLOB_NAME_MAX && blob->len > 0 &&
	       blob->len <= STORE_BLOB_MAX;
}

const struct store_ops *
store_pick(const char *url)
{
	const char *colon = strchr(url, ':');
	size_t len = colon != NULL ? (size_t)(colon - url) : strlen(url);

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (colon != NULL && strlen(kinds[i]->scheme) == len &&
		    memcmp(kinds[i]->scheme, url, len) == 0)
			return kinds[i];
	}
	/* What follows a scheme may be a password. */
	log_error("store_unknown",
	    log_str("hint", "[store] url is sqlite:/ABSOLUTE/PATH"));
	return NULL;
}
