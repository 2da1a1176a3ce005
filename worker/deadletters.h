/*
 * deadletters - writes the dead letters of a worker, and lets them expire
 *
 * Holds deliveries that are exhausted until their files are written, for as
 * long as that takes.  Works in small steps, on the dispatcher's thread.  Files
 * older than `keep` are removed, and no faster than time has passed; over `max`
 * bytes nothing is written any more, or (delete-oldest) the replayed and then
 * the oldest ones go.
 */

#ifndef WORKER_DEADLETTERS_H
#define WORKER_DEADLETTERS_H

#include <stdint.h>

#include "../shared/config.h"
#include "store.h"

/* The file of a delivery is written and synced; the delivery is the
 * receiver's again. */
typedef void deadletters_done_fn(void *arg, struct store_delivery *delivery);

struct deadletters;

/* Locks the directory and removes what was half written.  NULL, logged, when
 * another process has it locked, or without memory; a directory that cannot be
 * used is logged and tried again. */
struct deadletters *deadletters_open(const struct config_dead_letter *config,
    const char *worker, deadletters_done_fn *done, void *arg);
/* Deliveries that wait are freed: they are in the store.  NULL is fine. */
void deadletters_close(struct deadletters *letters);

/* A reload: from now on these settings.  Without memory the old ones stay. */
void deadletters_set(
    struct deadletters *letters, const struct config_dead_letter *config);

/* Write this one.  Takes both; `deliver` (malloc()ed) says what was tried, NULL
 * is fine. */
void deadletters_add(struct deadletters *letters,
    struct store_delivery *delivery, char *deliver);

/* Bytes of all dead letters; -1: not known yet. */
int64_t deadletters_used(const struct deadletters *letters);

/* Boot clock: when the next step is due. */
int64_t deadletters_due_ms(const struct deadletters *letters);
/* Do one, if it is due. */
void deadletters_step(struct deadletters *letters);

#endif
