/*
 * explain - a signature scheme in words, and the section to paste
 *
 * Text out of a scheme's keys, by tables; it knows no provider by name.
 * Callers look at `out->failed`.
 */

#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include "../shared/buf.h"
#include "../shared/scheme.h"

/* "hmac-sha256", "ed25519", "token" …: a row's word. */
void explain_kind(const struct scheme *scheme, struct buf *out);

/* What is signed and where, the secret, the time, id and type, handshakes,
 * evidence: a line each, "Label  words". */
void explain_scheme(const struct scheme *scheme, struct buf *out);

/* A [source] section with all that this scheme needs there. */
void explain_source(const struct scheme *scheme, struct buf *out);

/* docs/PROVIDERS.md: a table of the built-in schemes, and their sections. */
void explain_page(struct buf *out);

#endif
