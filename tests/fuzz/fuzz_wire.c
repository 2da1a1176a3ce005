/* Frames: what is read of an EVENT is written and read again as the same. */

#include "../../shared/wire.h"
#include "fuzz.h"

static void
take_ack(void *arg, uint64_t boot, const struct wire_ack *ack)
{
	(void)arg;
	(void)boot;
	FUZZ_MUST(ack->status < WIRE_STATUS__MAX);
	FUZZ_MUST(strlen(ack->revived) < 1 << 20);
}

static void
write_again(const struct wire_target *target, const struct event *event)
{
	struct wire_target target_again;
	struct event again;
	struct buf out = {0};

	FUZZ_MUST(wire_put_event(&out, target, event) == 0);
	FUZZ_MUST(wire_get_event(out.p, out.len, &target_again, &again) == 0);
	FUZZ_MUST(memcmp(event->id, again.id, EVENT_ID_LEN) == 0);
	FUZZ_MUST(strcmp(event->source, again.source) == 0);
	FUZZ_MUST(strcmp(event->key, again.key) == 0);
	FUZZ_MUST(event->body_len == again.body_len);
	FUZZ_MUST(target->seq == target_again.seq);
	buf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* no byte behind the frame may be read */
	char *frame = malloc(size > 0 ? size : 1);
	struct wire_rejected rejected;
	struct wire_target target;
	struct wire_blob blob;
	struct wire_ask ask;
	struct event event;

	FUZZ_MUST(frame != NULL);
	if (size > 0)
		memcpy(frame, data, size);
	(void)wire_type(frame, size);
	if (wire_get_event(frame, size, &target, &event) == 0)
		write_again(&target, &event);
	(void)wire_get_rejected(frame, size, &rejected);
	(void)wire_get_acks(frame, size, take_ack, NULL);
	if (wire_get_ask(frame, size, &ask) == 0)
		FUZZ_MUST(strlen(ask.name) <= WIRE_BLOB_NAME_MAX);
	if (wire_get_blob(frame, size, &blob) == 0)
		FUZZ_MUST(strlen(blob.name) <= WIRE_BLOB_NAME_MAX &&
			  blob.len <= WIRE_BLOB_MAX && blob.age_ms >= 0);
	json_decref(wire_get_json(frame, size));
	free(frame);
	return 0;
}
