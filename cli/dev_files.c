/* The directory. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev.h"

enum { DESCRIPTORS = 16, PATH_SIZE = 4096 };

char *
dev_directory_make(void)
{
	const char *parent = getenv("TMPDIR");
	struct buf path = {0};

	if (parent == NULL || parent[0] != '/')
		parent = "/tmp";
	if (buf_printf(&path, "%s/gaff-dev-XXXXXX", parent) != 0 ||
	    mkdtemp(path.p) == NULL) {
		fprintf(stderr, "gaff dev: %s: %s\n", parent, strerror(errno));
		buf_clear(&path);
		return NULL;
	}
	return buf_take(&path);
}

static int
remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
	(void)info;
	(void)kind;
	(void)at;
	return remove(path);
}

void
dev_directory_remove(const char *directory)
{
	if (nftw(directory, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS) != 0)
		fprintf(stderr, "gaff dev: %s is left: %s\n", directory,
		    strerror(errno));
}

static int
failed(const char *path)
{
	fprintf(stderr, "gaff dev: %s: %s\n", path, strerror(errno));
	return -1;
}

int
dev_write(const char *directory, const char *name, struct buf *text)
{
	char path[PATH_SIZE];
	int fd, result = -1;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return failed(path);
	if (!text->failed &&
	    write(fd, buf_str(text), text->len) == (ssize_t)text->len)
		result = 0;
	else
		(void)failed(path);
	close(fd);
	return result;
}

int
dev_fifo(const char *directory, const char *name)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return mkfifo(path, 0600) == 0 ? 0 : failed(path);
}
