#include "rejected.h"

#include <string.h>

#include "../shared/wire.h"
#include "headers.h"

static size_t
kept_len(const struct scheme *scheme, size_t len)
{
	if (scheme_hides_body(scheme))
		return 0;
	return len < REJECTED_BODY_MAX ? len : REJECTED_BODY_MAX;
}

int
rejected_write(const struct ingest *ingest, const uint8_t id[EVENT_ID_LEN],
    const void *body, size_t len, struct buf *out)
{
	const struct config_source *source = ingest->source;
	const struct scheme *scheme = source->scheme;
	const char *const *known = ingest->params->known;
	const struct refusal_row *row = refusal_row(ingest->refusal);
	struct buf headers = {0}, query = {0};
	struct wire_rejected rejected = {
	    .event = {.received_at_ms = ingest->wall_ms,
		.source = source->name,
		.key = "",
		.type = "",
		.remote = ingest->remote,
		.method = known[PARAM_METHOD],
		.path = ingest->target->path,
		.content_type = known[PARAM_TYPE],
		.scheme = scheme_name(scheme),
		.body = body,
		.body_len = kept_len(scheme, len)},
	    .reason = row->reason,
	    .status = (uint64_t)row->status,
	    .body_len = len};
	int rc = -1;

	memcpy(rejected.event.id, id, EVENT_ID_LEN);
	if (headers_write_rejected(scheme, ingest->params, &headers) == 0 &&
	    target_blank_rejected(scheme, ingest->target->query, &query) == 0 &&
	    event_digest(body, len, rejected.event.sha256) == 0) {
		rejected.event.headers = buf_str(&headers);
		rejected.event.query = buf_str(&query);
		if (rejected.event.headers != NULL &&
		    rejected.event.query != NULL)
			rc = wire_put_rejected(out, &rejected);
	}
	buf_clear(&headers);
	buf_clear(&query);
	return rc;
}
