#include "gate_log.h"

#include <inttypes.h>
#include <stdio.h>

#include "../shared/log.h"

static const char *
source_name(const struct ingest *ingest)
{
	return ingest->source != NULL ? ingest->source->name : "";
}

void
gate_log_refused(const struct ingest *ingest,
    const struct reply_refused *refused, size_t bytes, unsigned suppressed)
{
	const struct scheme_verdict *verdict = &ingest->verdict;
	char skew[32] = "";

	if (verdict->has_skew)
		(void)snprintf(skew, sizeof skew, "%+" PRId64 "s",
		    verdict->skew_ms / 1000);
	log_warn("refused", log_str("id", refused->id),
	    log_str("source", source_name(ingest)),
	    log_int("status", reply_status(refused)),
	    log_str("reason", refusal_row(ingest->refusal)->reason),
	    log_str("where", verdict->where), log_str("skew", skew),
	    log_str("remote", ingest->remote), log_int("bytes", bytes),
	    log_count("secrets_tried", verdict->secrets_tried),
	    log_suppressed(suppressed));
}

void
gate_log_unavailable(const struct ingest *ingest, const char *id,
    int64_t tenths, size_t parked, unsigned suppressed)
{
	int64_t waited_tenths = tenths / 1000;
	char waited[32];

	(void)snprintf(waited, sizeof waited, "%" PRId64 ".%" PRId64 "s",
	    waited_tenths / 10, waited_tenths % 10);
	log_error("unavailable", log_str("id", id),
	    log_str("source", source_name(ingest)), log_int("status", 503),
	    log_str("reason", refusal_row(ingest->refusal)->reason),
	    log_str("waited", waited), log_int("parked", parked),
	    log_suppressed(suppressed));
}

void
gate_log_left_out(const char *source, enum refusal refusal, unsigned suppressed)
{
	const struct refusal_row *row = refusal_row(refusal);
	bool unavailable = row->status == 503;

	log_at(unavailable ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
	    unavailable ? "unavailable" : "refused", log_str("source", source),
	    log_int("status", row->status), log_str("reason", row->reason),
	    log_suppressed(suppressed));
}

void
gate_log_stored(const struct ingest *ingest, const struct link_answer *answer,
    const char *id, size_t bytes, int64_t tenths)
{
	const struct event *event = &ingest->event;

	log_info(answer->result == LINK_STORED ? "accepted" : "duplicate",
	    log_str("id", id), log_str("source", event->source),
	    log_str("type", event->type), log_str("key", event->key),
	    log_int("bytes", bytes), log_str("remote", event->remote),
	    log_str("worker", answer->worker),
	    log_str("revived", answer->revived), log_tenths("ms", tenths));
}

void
gate_log_plain(const struct ingest *ingest, unsigned suppressed)
{
	log_warn("plain_http", log_str("source", source_name(ingest)),
	    log_str("remote", ingest->remote), log_suppressed(suppressed));
}

void
gate_log_handshake(const struct ingest *ingest, unsigned suppressed)
{
	log_info("handshake", log_str("source", source_name(ingest)),
	    log_str("remote", ingest->remote), log_suppressed(suppressed));
}
