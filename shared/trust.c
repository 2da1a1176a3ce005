#include "trust.h"

#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINKS_MAX = 16 };

/* The path as far as it has been looked at, and what is still to come. */
struct walk {
	char done[PATH_MAX];
	char rest[PATH_MAX];
	unsigned links;
};

static int
fail(char error[TRUST_ERROR_SIZE], const char *path, const char *why)
{
	(void)snprintf(error, TRUST_ERROR_SIZE, "%.180s: %s", path, why);
	return -1;
}

/* One name: root's, and nobody else may write. */
static int
look(const char *path, struct stat *st, char error[TRUST_ERROR_SIZE])
{
	if (lstat(path, st) != 0)
		return fail(error, path, strerror(errno));
	if (st->st_uid != 0)
		return fail(error, path, "does not belong to root");
	if (S_ISLNK(st->st_mode) ||
	    (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0))
		return 0;
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return fail(error, path, "others than root may write to it");
	return 0;
}

/* `done` is a link: go on with what it says, from where it stands. */
static int
follow(struct walk *w, size_t parent_len, char error[TRUST_ERROR_SIZE])
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlink(w->done, target, sizeof(target) - 1);

	if (n < 0)
		return fail(error, w->done, strerror(errno));
	target[n] = '\0';
	if (++w->links > LINKS_MAX || snprintf(rest, sizeof(rest), "%s/%s",
					  target, w->rest) >= (int)sizeof(rest))
		return fail(error, w->done, "too many links, or too long");
	memcpy(w->rest, rest, strlen(rest) + 1);
	w->done[target[0] == '/' ? 0 : parent_len] = '\0';
	return 0;
}

/* Move the next name from `rest` to `done`, and look at it. */
static int
step(struct walk *w, char error[TRUST_ERROR_SIZE])
{
	size_t skip = strspn(w->rest, "/"), len = strlen(w->done);
	size_t n = strcspn(w->rest + skip, "/");
	struct stat st;

	if (len + 1 + n >= sizeof(w->done))
		return fail(error, w->done, "too long");
	w->done[len] = '/';
	memcpy(w->done + len + 1, w->rest + skip, n);
	w->done[len + 1 + n] = '\0';
	memmove(w->rest, w->rest + skip + n, strlen(w->rest + skip + n) + 1);
	if (look(w->done, &st, error) != 0)
		return -1;
	return S_ISLNK(st.st_mode) ? follow(w, len, error) : 0;
}

int
trust_path(const char *path, char error[TRUST_ERROR_SIZE])
{
	struct walk w = {.links = 0};
	struct stat st;

	if (path[0] != '/' || strlen(path) >= sizeof(w.rest))
		return fail(error, path, "not an absolute path");
	memcpy(w.rest, path, strlen(path) + 1);
	if (look("/", &st, error) != 0)
		return -1;
	while (w.rest[strspn(w.rest, "/")] != '\0')
		if (step(&w, error) != 0)
			return -1;
	return 0;
}
