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

/*
 * Have threads that wake one another let the one that woke them go on
 * (SCHED_BATCH, sched(7)): it finds more to wake them for, and each finds more
 * to do in one go.  On an idle processor they run at once as before.  Threads
 * and processes begun later do the same; where another policy was chosen for
 * us, it stays.
 */
void process_batch(void);

/* Log each line of `lines` as a line of its own, as `error=…`. */
void process_log_lines(
    enum log_level level, const char *msg, const struct buf *lines);

#endif
