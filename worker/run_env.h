/*
 * run_env - the environment of a handler
 *
 * docs/DESIGN.md and gaff-handler(7) list the names; nothing of the worker's
 * own environment is in it.
 */

#ifndef WORKER_RUN_ENV_H
#define WORKER_RUN_ENV_H

#include "../shared/config.h"
#include "store.h"

/* The user handlers run as: from the password database. */
struct run_user {
	char *name;
	char *home;
	char *shell;
};

/* 0, or -1 without memory.  A user the database does not know is its number,
 * with home / and /bin/sh. */
int run_user_get(struct run_user *user);
void run_user_clear(struct run_user *user);

/*
 * The variables of one attempt, NULL-terminated, in one allocation the caller
 * frees.  The route's `env` replaces what has the same name.  NULL without
 * memory.
 */
char **run_env(const struct run_user *user, const struct config_route *route,
    const struct store_delivery *delivery);

#endif
