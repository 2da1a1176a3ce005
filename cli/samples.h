/*
 * samples - realistic events of the providers people know, for `gaff send`
 *
 * conf/samples.json, built in, has an event of each; a scheme that is not
 * there gets one made of the places where it looks for id, type and time.
 *
 * A member of the file is named as a scheme, and stands for its further ones
 * too (hubspot for hubspot.v1).  It has
 *   type     of the event, where nobody asks for another
 *   key      how its id begins (evt_); the file says "#" for a number; a UUID
 *            where there is none
 *   form     true: the body is a form, not JSON
 *   body     with {key} {type} {event} {action} (the type up to and behind its
 *            first dot) {seconds} {millis} {time} {uuid} to be filled in
 */

#ifndef CLI_SAMPLES_H
#define CLI_SAMPLES_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "../shared/buf.h"
#include "../shared/scheme.h"

enum { SAMPLE_KEY_SIZE = 64 };

/* What the file says of one; its texts belong to `body` and `own`. */
struct sample {
	const char *type;
	const char *key; /* how an id begins, "#", or "" */
	bool form;
	json_t *body;
	json_t *own; /* holds what the others point into */
};

/* 0, or -1 without memory.  To be cleared either way. */
int sample_init(struct sample *sample, const struct scheme *scheme);
void sample_clear(struct sample *sample);

const char *sample_content_type(const struct sample *sample);

/* A fresh id as the provider makes them (evt_…, a UUID …).  0, or -1 when
 * there is no randomness. */
int sample_key(const struct sample *sample, char key[SAMPLE_KEY_SIZE]);

/* Append the body of an event.  0, or -1 without memory. */
int sample_body(const struct sample *sample, const char *type, const char *key,
    int64_t wall_ms, struct buf *out);

#endif
