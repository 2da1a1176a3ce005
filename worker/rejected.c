#include "rejected.h"

#include <stdlib.h>
#include <string.h>

struct rejected {
	struct rejected_item *first; /* newest */
	size_t bytes;
};

struct rejected *
rejected_new(void)
{
	return calloc(1, sizeof(struct rejected));
}

static size_t
item_size(const struct rejected_item *item)
{
	return sizeof(*item) + event_size(item->event);
}

static void
item_free(struct rejected_item *item)
{
	event_free(item->event);
	free(item->reason);
	free(item);
}

/* Take out the one `at` points to. */
static void
drop(struct rejected *rejected, struct rejected_item **at)
{
	struct rejected_item *item = *at;

	*at = item->next;
	rejected->bytes -= item_size(item);
	item_free(item);
}

void
rejected_free(struct rejected *rejected)
{
	if (rejected == NULL)
		return;
	while (rejected->first != NULL)
		drop(rejected, &rejected->first);
	free(rejected);
}

static int64_t
keep_of(const struct config *config, const char *name)
{
	const struct config_source *source = config_source(config, name);

	return source != NULL ? source->keep_rejected : 0;
}

/* Only the newest `keep` of a source stay. */
static void
trim_source(struct rejected *rejected, const char *source, int64_t keep)
{
	struct rejected_item **at = &rejected->first;

	while (*at != NULL)
		if (strcmp((*at)->event->source, source) == 0 && keep-- <= 0)
			drop(rejected, at);
		else
			at = &(*at)->next;
}

static void
drop_oldest(struct rejected *rejected)
{
	struct rejected_item **at = &rejected->first;

	while ((*at)->next != NULL)
		at = &(*at)->next;
	drop(rejected, at);
}

void
rejected_add(struct rejected *rejected, const struct config *config,
    const struct wire_rejected *request)
{
	int64_t keep = keep_of(config, request->event.source);
	struct rejected_item *item;

	if (keep == 0 || (item = calloc(1, sizeof(*item))) == NULL)
		return;
	item->event = event_copy(&request->event);
	item->reason = strdup(request->reason);
	if (item->event == NULL || item->reason == NULL) {
		item_free(item);
		return;
	}
	item->status = (int)request->status;
	item->body_len = request->body_len;
	item->next = rejected->first;
	rejected->first = item;
	rejected->bytes += item_size(item);
	trim_source(rejected, request->event.source, keep);
	while (rejected->bytes > REJECTED_BYTES)
		drop_oldest(rejected);
}

void
rejected_trim(struct rejected *rejected, const struct config *config)
{
	struct rejected_item **at = &rejected->first;

	while (*at != NULL)
		if (keep_of(config, (*at)->event->source) == 0)
			drop(rejected, at);
		else
			at = &(*at)->next;
	for (size_t i = 0; i < config->n_sources; i++)
		trim_source(rejected, config->sources[i].name,
		    config->sources[i].keep_rejected);
}

const struct rejected_item *
rejected_first(const struct rejected *rejected)
{
	return rejected->first;
}

bool
rejected_forget(struct rejected *rejected, const uint8_t id[EVENT_ID_LEN])
{
	for (struct rejected_item **at = &rejected->first; *at != NULL;
	     at = &(*at)->next)
		if (memcmp((*at)->event->id, id, EVENT_ID_LEN) == 0) {
			drop(rejected, at);
			return true;
		}
	return false;
}
