/*
 * samples - realistic events of the providers people know, for `gaff send`
 *
 * A scheme without a sample of its own gets a plain JSON event.
 */

#ifndef CLI_SAMPLES_H
#define CLI_SAMPLES_H

#include <stdint.h>

#include "../shared/buf.h"

enum { SAMPLE_KEY_SIZE = 64 };

/* The type a sample has when none is asked for. */
const char *sample_type(const char *scheme);
const char *sample_content_type(const char *scheme);

/* A fresh id as the provider makes them (evt_…, a UUID …).  0, or -1 when
 * there is no randomness. */
int sample_key(const char *scheme, char key[SAMPLE_KEY_SIZE]);

/* Append the body of an event.  0, or -1 without memory. */
int sample_body(const char *scheme, const char *type, const char *key,
    int64_t wall_ms, struct buf *out);

#endif
