/*
 * gate_log - the log lines of a request's end
 *
 * `bytes` are the body's; `tenths` are tenths of a millisecond since the
 * request began; `suppressed` counts the lines before it that were left out.
 */

#ifndef FCGI_GATE_LOG_H
#define FCGI_GATE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "ingest.h"
#include "link.h"
#include "reply.h"

void gate_log_refused(const struct ingest *ingest,
    const struct reply_refused *refused, size_t bytes, unsigned suppressed);

/* A refusal with status 503; `parked` requests wait for a worker. */
void gate_log_unavailable(const struct ingest *ingest, const char *id,
    int64_t tenths, size_t parked, unsigned suppressed);

/* Of lines that were left out and that nothing tells of any more. */
void gate_log_left_out(
    const char *source, enum refusal refusal, unsigned suppressed);

/* A new event, or one that is known. */
void
gate_log_stored(const struct ingest *ingest, const struct link_answer *answer,
    const char *id, size_t bytes, int64_t tenths);

/* A request that came without TLS. */
void gate_log_plain(const struct ingest *ingest, unsigned suppressed);

void gate_log_handshake(const struct ingest *ingest, unsigned suppressed);

#endif
