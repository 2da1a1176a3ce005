/*
 * process - what both daemons do to themselves at the start
 */

#ifndef SHARED_PROCESS_H
#define SHARED_PROCESS_H

#include "buf.h"
#include "log.h"

/* No core file ever holds a payload or a secret, nobody attaches to the
 * process, and the hashes of JSON objects cannot be aimed at.  Before any
 * thread and before any JSON. */
void process_harden(void);

/* Log each line of `lines` as a line of its own, as `error=…`. */
void process_log_lines(
    enum log_level level, const char *msg, const struct buf *lines);

#endif
