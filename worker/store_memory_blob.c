#include <stdlib.h>
#include <string.h>

#include "store_memory.h"

static const struct store_memory_blob *
find(const struct store *store, const char *name)
{
	for (size_t i = 0; i < store->now.n_blobs; i++)
		if (strcmp(store->now.blobs[i].name, name) == 0)
			return &store->now.blobs[i];
	return NULL;
}

enum store_result
store_memory_kept(struct store *store, const char *name, struct buf *out)
{
	const struct store_memory_blob *blob = find(store, name);

	if (blob == NULL)
		return STORE_NONE;
	return buf_add(out, blob->bytes, blob->len) == 0 ? STORE_OK
							 : STORE_FULL;
}

enum store_result
store_memory_keep(struct store *store, const struct store_blob *blob,
    int64_t now_ms, bool *is_new)
{
	struct store_memory_state *now = &store->now;
	struct store_memory_blob *list;

	(void)now_ms;
	*is_new = false;
	if (!store->batch)
		return STORE_FULL;
	if (!store_blob_fits(blob))
		return store_memory_finish(store, STORE_NONE);
	if (find(store, blob->name) != NULL)
		return STORE_OK;
	if (now->n_blobs == STORE_BLOBS_MAX)
		return store_memory_finish(store, STORE_NONE);
	list = reallocarray(now->blobs, now->n_blobs + 1, sizeof *list);
	if (list == NULL)
		return store_memory_finish(store, STORE_FULL);
	now->blobs = list;
	list += now->n_blobs++;
	(void)memccpy(list->name, blob->name, '\0', sizeof list->name);
	memcpy(list->bytes, blob->p, blob->len);
	list->len = blob->len;
	*is_new = true;
	return STORE_OK;
}

enum store_result
store_memory_unkeep(struct store *store, const char *name)
{
	struct store_memory_state *now = &store->now;
	size_t i = 0;

	if (!store->batch)
		return STORE_FULL;
	while (i < now->n_blobs && strcmp(now->blobs[i].name, name) != 0)
		i++;
	if (i == now->n_blobs)
		return store_memory_finish(store, STORE_NONE);
	now->blobs[i] = now->blobs[--now->n_blobs];
	return STORE_OK;
}
