/*
 * slowsync - a disk whose flush takes longer: preloaded, it lets each fsync,
 * fdatasync and synced pwritev2 take at least SLOWSYNC_US microseconds
 */

#include <sys/uio.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef int sync_fn(int fd);
typedef ssize_t
write_fn(int fd, const struct iovec *parts, int n, off_t at, int flags);

static struct timespec
end_of_sync(void)
{
	const char *text = getenv("SLOWSYNC_US");
	long us = text == NULL ? 0 : strtol(text, NULL, 10);
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += us % 1000000 * 1000;
	at.tv_sec += us / 1000000 + at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return at;
}

static void
wait_until(struct timespec end)
{
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) != 0)
		;
}

static int
slow(const char *name, int fd)
{
	struct timespec end = end_of_sync();
	void *found = dlsym(RTLD_NEXT, name);
	sync_fn *sync;
	int result;

	/* ISO C has no cast between the two kinds of pointers */
	memcpy(&sync, &found, sizeof(sync));
	result = sync(fd);
	wait_until(end);
	return result;
}

int
fsync(int fd)
{
	return slow("fsync", fd);
}

int
fdatasync(int fd)
{
	return slow("fdatasync", fd);
}

ssize_t
pwritev2(int fd, const struct iovec *parts, int n, off_t at, int flags)
{
	struct timespec end = end_of_sync();
	void *found = dlsym(RTLD_NEXT, "pwritev2");
	write_fn *write_parts;
	ssize_t result;

	memcpy(&write_parts, &found, sizeof(write_parts));
	result = write_parts(fd, parts, n, at, flags);
	if ((flags & (RWF_DSYNC | RWF_SYNC)) != 0)
		wait_until(end);
	return result;
}
