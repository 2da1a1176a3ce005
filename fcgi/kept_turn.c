/* Where a request needs a secret that a handshake delivers, or delivers it. */

#include "../shared/clock.h"
#include "kept.h"

/* What is kept for the source, in use from now on. */
static enum kept_result
look(struct kept_turn *turn, struct link *link, const struct buf *secret)
{
	const struct config_source *source = turn->ingest->source;
	struct kept_ask ask = {.link = link,
	    .source = source->name,
	    .deadline_boot_ms = turn->deadline_boot_ms};
	enum kept_result result;

	if (!kept_awaits(source) || turn->keys != NULL)
		return KEPT_HERE;
	if (secret != NULL) {
		ask.secret = secret->p;
		ask.len = secret->len;
	}
	result = kept_look(turn->kept, &ask, &turn->keys);
	if (turn->keys != NULL)
		turn->ingest->keys = kept_scheme_keys(turn->keys);
	return result;
}

void
kept_begin(struct kept_turn *turn)
{
	(void)look(turn, NULL, NULL);
}

/* Is it the secret in use, or the first? */
static enum ingest_step
keep(struct kept_turn *turn)
{
	struct ingest *ingest = turn->ingest;
	const struct buf *secret = &ingest->answer.keep;
	const struct scheme_keys *keys;

	if (look(turn, turn->link, secret) != KEPT_HERE)
		return ingest_refuse(ingest, REFUSAL_NO_KEYS);
	keys = ingest->keys != NULL ? ingest->keys : ingest->source->keys;
	return scheme_keys_have(keys, secret->p, secret->len)
		   ? INGEST_HANDSHAKE
		   : ingest_refuse(ingest, REFUSAL_KEPT);
}

enum ingest_step
kept_go_on(
    struct kept_turn *turn, enum ingest_step step, const void *body, size_t len)
{
	struct ingest *ingest = turn->ingest;

	if (step == INGEST_REFUSE && ingest->refusal == REFUSAL_NO_KEYS &&
	    kept_awaits(ingest->source) && turn->keys == NULL) {
		switch (look(turn, turn->link, NULL)) {
		case KEPT_HERE:
			step = ingest_body(ingest, body, len, clock_wall_ms());
			break;
		case KEPT_NONE:
			step = ingest_refuse(ingest, REFUSAL_NO_SUCH_KEY);
			break;
		case KEPT_UNKNOWN:
			break;
		}
	}
	return step == INGEST_HANDSHAKE && ingest->answer.keep.len > 0
		   ? keep(turn)
		   : step;
}
