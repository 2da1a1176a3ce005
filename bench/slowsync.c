/*
 * slowsync - a disk whose flush takes longer: preloaded, it lets each fsync
 * and fdatasync take at least SLOWSYNC_US microseconds
 */

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef int sync_fn(int fd);

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

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) != 0)
		;
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
