/*
 * run_user - whom a handler runs as, from the password database
 */

#ifndef WORKER_RUN_USER_H
#define WORKER_RUN_USER_H

#include "exec.h"

struct run_user {
	char *name;
	char *home;
	char *shell;
	struct exec_user ids; /* of run_user_find() alone */
};

/* Who we are.  0, or -1 without memory.  A user the database does not know is
 * its number, with home / and /bin/sh. */
int run_user_get(struct run_user *user);

/* That user with its groups.  0, or -1, logged: no such user, root, or no
 * memory. */
int run_user_find(struct run_user *user, const char *name);

/* A zeroed one is fine. */
void run_user_clear(struct run_user *user);

#endif
