/*
 * admin_verbs - the verbs of admin and what they share; for admin*.c only
 *
 * A verb gets arguments that are checked against its table: every member is
 * known and of its kind, needed ones are there.  It returns a REPLY.
 */

#ifndef WORKER_ADMIN_VERBS_H
#define WORKER_ADMIN_VERBS_H

#include "admin.h"

typedef json_t *
admin_verb_fn(struct admin_context *context, const json_t *args);

admin_verb_fn admin_events, admin_show;            /* admin_events.c */
admin_verb_fn admin_replay, admin_inject;          /* admin_replay.c */
admin_verb_fn admin_pause, admin_resume;           /* admin_route.c */
admin_verb_fn admin_cancel;                        /* admin_route.c */
admin_verb_fn admin_status;                        /* admin_status.c */
admin_verb_fn admin_forget, admin_erase;           /* admin_store.c */
admin_verb_fn admin_backup;                        /* admin_store.c */
admin_verb_fn admin_rejected, admin_rejected_show; /* admin_rejected.c */
admin_verb_fn admin_attempts;                      /* admin_events.c */
admin_verb_fn admin_kept, admin_unkeep;            /* admin_store.c */
admin_verb_fn admin_metrics;                       /* admin_metrics.c */

/* {"ok": true, "data": data}; `data` is consumed, NULL becomes NULL. */
json_t *admin_ok(json_t *data);
/* {"ok": false, "error": sentence}. */
json_t *admin_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for a result of the store that is not STORE_OK; notes
 * STORE_BROKEN in the context. */
json_t *
admin_store_fail(struct admin_context *context, enum store_result result);

/* A text argument, "" when it is not given. */
const char *admin_text(const json_t *args, const char *name);
/* A text for a REPLY, which may have been cut inside a character; never NULL
 * but without memory. */
json_t *admin_json_text(const char *text);
/* Wall time as RFC 3339. */
json_t *admin_json_time(int64_t wall_ms);
/* A delivery state by its name; -1 when there is none. */
int admin_state(const char *name);

/* Headers as they are stored; bytes as base64 (NULL without memory). */
json_t *admin_json_headers(const char *headers);
json_t *admin_json_bytes(const void *p, size_t len);

/* Whether text may be a part of an id that is worth a search; its lower case
 * in `lower`. */
bool admin_id_part(const char *part, char lower[EVENT_ID_TEXT_SIZE]);
/* The kept refused requests whose id has `part` (lower case) in it: how many,
 * and the last of them. */
unsigned admin_find_rejected(struct admin_context *context, const char *part,
    const struct rejected_item **item);

/* Find the one event whose id is or contains `part`.  NULL and *id set, or a
 * REPLY that says why not; *none tells that no event has it. */
json_t *admin_find(struct admin_context *context, const char *part,
    uint8_t id[EVENT_ID_LEN], bool *none);

#endif
