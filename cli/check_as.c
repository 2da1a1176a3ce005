#include "check_as.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../shared/config.h"
#include "cmd.h"

static int
become(const char *name)
{
	const struct passwd *user = getpwnam(name);

	if (user == NULL) {
		fprintf(stderr, "gaff check: there is no user \"%s\"\n", name);
		return -1;
	}
	if (user->pw_uid == geteuid() && geteuid() != 0)
		return 0;
	if (initgroups(name, user->pw_gid) == 0 && setgid(user->pw_gid) == 0 &&
	    setuid(user->pw_uid) == 0)
		return 0;
	fprintf(stderr, "gaff check: cannot become %s: %s\n", name,
	    strerror(errno));
	return -1;
}

/* Whether files can be made in the directory; the nearest one that exists
 * counts where it is still to be made. */
static int
check_directory(const char *what, const char *directory)
{
	char path[4096];
	char *slash;

	snprintf(path, sizeof(path), "%s", directory);
	while (access(path, F_OK) != 0 && errno == ENOENT &&
	       (slash = strrchr(path, '/')) != NULL && slash != path)
		*slash = '\0';
	if (access(path, W_OK | X_OK) == 0)
		return 0;
	printf("  %s: %s: %s\n", what, path, strerror(errno));
	return -1;
}

/* Where a worker writes: the store's directory and the dead letters'. */
static int
check_worker(const struct config_worker *worker)
{
	static const char scheme[] = "sqlite:";
	char directory[4096];
	const char *slash;
	int result = 0;

	if (strncmp(worker->store.url, scheme, sizeof(scheme) - 1) == 0) {
		snprintf(directory, sizeof(directory), "%s",
		    worker->store.url + sizeof(scheme) - 1);
		slash = strrchr(directory, '/');
		if (slash != NULL)
			directory[slash - directory] = '\0';
		result = check_directory("store", directory);
	}
	if (check_directory("dead letters", worker->dead_letter.directory) != 0)
		result = -1;
	return result;
}

static int
check_role(const char *user, enum config_role role, const char *path)
{
	const char *name = role == CONFIG_ROLE_GATEWAY ? "gateway" : "worker";
	struct buf errors = {0};
	struct config *config = config_load(path, role, &errors, NULL);
	int result = config != NULL ? 0 : -1;

	printf("%s as the %s:\n", user, name);
	if (config == NULL)
		printf("%s", errors.failed ? "no memory\n" : buf_str(&errors));
	for (size_t i = 0; config != NULL && role == CONFIG_ROLE_WORKER &&
			   i < config->n_workers;
	     i++)
		if (check_worker(&config->workers[i]) != 0)
			result = -1;
	if (result == 0)
		printf("  nothing is in the way\n");
	config_unref(config);
	buf_clear(&errors);
	return result;
}

int
check_as(const char *user, const char *path)
{
	int gateway, worker;

	if (become(user) != 0)
		return CMD_FAILED;
	gateway = check_role(user, CONFIG_ROLE_GATEWAY, path);
	worker = check_role(user, CONFIG_ROLE_WORKER, path);
	return gateway == 0 || worker == 0 ? CMD_DONE : CMD_FAILED;
}
