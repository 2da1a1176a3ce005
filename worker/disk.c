#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
disk_sync(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags), rc, error;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	error = errno;
	(void)close(fd);
	errno = error;
	return rc;
}

int
disk_sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory;
	int rc;

	if (slash == NULL)
		return disk_sync(".", O_DIRECTORY);
	directory = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (directory == NULL)
		return -1;
	rc = disk_sync(directory, O_DIRECTORY);
	free(directory);
	return rc;
}
