/*
 * call - ask a worker over its admin socket
 *
 * Reads the configuration (no secrets), picks the worker and connects.  A
 * configuration with faults does not stand in the way: there is a warning,
 * once, and only its workers are known.  Every failure is said on standard
 * error, in a sentence, where it is found.
 */

#ifndef CLI_CALL_H
#define CLI_CALL_H

#include <jansson.h>

#include "../shared/config.h"

enum { CALL_TIMEOUT_MS = 5000 };

struct call;

/* Connect to the worker of that name; NULL: the only one. */
struct call *call_open(const char *worker);
void call_close(struct call *call); /* NULL is fine */

const struct config *call_config(const struct call *call);
const struct config_worker *call_worker(const struct call *call);

/*
 * Make a CALL; `args` is consumed and may be NULL only for want of memory.
 * Returns the REPLY's data, a new reference, with *next (may be NULL) the
 * cursor of the following page or 0.  NULL after a sentence.
 */
json_t *
call_ask(struct call *call, const char *verb, json_t *args, int64_t *next);

/* The configuration for a verb that needs no worker; NULL after its errors
 * were printed. */
struct config *call_load(enum config_role role);

/* The same for one that asks workers and needs nothing else: faults are a
 * warning; how many there are goes to *n_faults. */
struct config *call_load_workers(size_t *n_faults);

/* Whether the worker runs on this host: its admin socket is ipc. */
bool call_is_here(const struct config_worker *worker);

/* The worker a verb means; NULL after a sentence with the names to choose. */
const struct config_worker *
call_pick(const struct config *config, const char *name);

#endif
