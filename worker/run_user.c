#include "run_user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/log.h"

enum { GROUPS_MAX = 65536 /* the kernel's own limit */ };

/* 0, or -1 without memory; the caller clears. */
static int
fill(struct run_user *user, const char *name, const struct passwd *entry)
{
	const char *shell = "/bin/sh";

	if (entry != NULL && entry->pw_shell[0] != '\0')
		shell = entry->pw_shell;
	user->name = strdup(name);
	user->home = strdup(entry != NULL ? entry->pw_dir : "/");
	user->shell = strdup(shell);
	return user->name != NULL && user->home != NULL && user->shell != NULL
		   ? 0
		   : -1;
}

int
run_user_get(struct run_user *user)
{
	const struct passwd *entry = getpwuid(geteuid());
	char number[24];

	(void)snprintf(number, sizeof(number), "%ju", (uintmax_t)geteuid());
	*user = (struct run_user){0};
	if (fill(user, entry != NULL ? entry->pw_name : number, entry) == 0)
		return 0;
	run_user_clear(user);
	return -1;
}

/* All groups of the user, its own included. */
static int
find_groups(struct run_user *user)
{
	struct exec_user *ids = &user->ids;
	int n = 32;

	while (n <= GROUPS_MAX) {
		free(ids->groups);
		ids->groups = calloc((size_t)n, sizeof(*ids->groups));
		if (ids->groups == NULL)
			return -1;
		ids->n_groups = (size_t)n;
		if (getgrouplist(user->name, ids->gid, ids->groups, &n) >= 0) {
			ids->n_groups = (size_t)n;
			return 0;
		}
		if ((size_t)n <= ids->n_groups)
			n = (int)ids->n_groups * 2;
	}
	return -1;
}

int
run_user_find(struct run_user *user, const char *name)
{
	const struct passwd *entry;

	*user = (struct run_user){0};
	errno = 0;
	entry = getpwnam(name);
	if (entry == NULL || entry->pw_uid == 0) {
		log_error("no_such_user", log_str("user", name),
		    log_str("error", entry != NULL
					 ? "root is none"
					 : strerror(errno ? errno : ENOENT)));
		return -1;
	}
	user->ids.uid = entry->pw_uid;
	user->ids.gid = entry->pw_gid;
	if (fill(user, name, entry) == 0 && find_groups(user) == 0)
		return 0;
	log_error("no_memory", log_str("for", "a user's groups"));
	run_user_clear(user);
	return -1;
}

void
run_user_clear(struct run_user *user)
{
	free(user->name);
	free(user->home);
	free(user->shell);
	free(user->ids.groups);
	*user = (struct run_user){0};
}
