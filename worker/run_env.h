/*
 * run_env - the environment of a handler
 *
 * docs/DESIGN.md and gaff-handler(7) list the names; nothing of the worker's
 * own environment is in it.
 */

#ifndef WORKER_RUN_ENV_H
#define WORKER_RUN_ENV_H

#include "../shared/config.h"
#include "run_user.h"
#include "store.h"

/*
 * The variables of one attempt, NULL-terminated, in one allocation the caller
 * frees.  The route's `env` replaces what has the same name.  NULL without
 * memory.
 */
char **run_env(const struct run_user *user, const struct config_route *route,
    const struct store_delivery *delivery);

#endif
