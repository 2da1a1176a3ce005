#include "platter.h"

#include <sys/syscall.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "../../worker/writers.h"
#include "support.h"

enum { HELD = 8, WAIT_S = 20 };

/* A write that waits for its sync. */
struct held {
	bool used;
	bool let;
	off_t at;
	int error;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int error;
	int room_error;
	size_t at_once;
	bool slow;
	bool hold;
	unsigned writes;
	struct held held[HELD];
} platter = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void
lock(void)
{
	(void)pthread_mutex_lock(&platter.lock);
}

static void
unlock(void)
{
	(void)pthread_cond_broadcast(&platter.changed);
	(void)pthread_mutex_unlock(&platter.lock);
}

/* The one there; NULL: there is none. */
static struct held *
find(bool used, off_t at)
{
	for (size_t i = 0; i < HELD; i++)
		if (platter.held[i].used == used &&
		    (!used || platter.held[i].at == at))
			return &platter.held[i];
	return NULL;
}

/* ---- in the place of the library's ---- */

int
fsync(int fd)
{
	return fcntl(fd, F_GETFD) >= 0 ? 0 : -1;
}

int
posix_fallocate(int fd, off_t at, off_t len)
{
	int error;

	lock();
	error = platter.room_error;
	unlock();
	if (error != 0)
		return error;
	return syscall(SYS_fallocate, fd, 0, at, len) == 0 ? 0 : errno;
}

/* Until its sync is let end; its error. */
static int
wait_to_be_let(off_t at)
{
	struct held *held = find(false, 0);
	int error;

	if (held == NULL)
		return ENOBUFS;
	*held = (struct held){.used = true, .at = at};
	(void)pthread_cond_broadcast(&platter.changed);
	while (!held->let)
		(void)pthread_cond_wait(&platter.changed, &platter.lock);
	error = held->error;
	held->used = false;
	return error;
}

/* It is a slow disk: what is measured lasts that long. */
static void
last(void)
{
	const struct timespec time = {.tv_nsec = 2000L * WRITERS_SLOW_US};

	(void)nanosleep(&time, NULL);
}

ssize_t
pwritev2(int fd, const struct iovec *parts, int n, off_t at, int flags)
{
	struct iovec part = *parts;
	bool slow, hold;
	ssize_t done;
	int error;

	lock();
	platter.writes++;
	error = n == 1 && flags == RWF_DSYNC ? platter.error : EINVAL;
	if (platter.at_once != 0 && part.iov_len > platter.at_once)
		part.iov_len = platter.at_once;
	hold = platter.hold;
	slow = platter.slow || hold;
	unlock();
	done = error == 0 ? pwritev(fd, &part, 1, at) : -1;
	if (error == 0 && slow)
		last();
	lock();
	if (error == 0 && hold && platter.hold)
		error = wait_to_be_let(at);
	unlock();
	if (error != 0)
		errno = error;
	return error == 0 ? done : -1;
}

/* ---- what tests say ---- */

void
platter_reset(void)
{
	lock();
	platter.error = platter.room_error = 0;
	platter.at_once = 0;
	platter.slow = platter.hold = false;
	platter.writes = 0;
	for (size_t i = 0; i < HELD; i++)
		platter.held[i].let = true;
	unlock();
}

void
platter_fail(int error)
{
	lock();
	platter.error = error;
	unlock();
}

void
platter_fail_room(int error)
{
	lock();
	platter.room_error = error;
	unlock();
}

void
platter_take(size_t bytes)
{
	lock();
	platter.at_once = bytes;
	unlock();
}

void
platter_slow(bool slow)
{
	lock();
	platter.slow = slow;
	unlock();
}

unsigned
platter_writes(void)
{
	unsigned writes;

	lock();
	writes = platter.writes;
	unlock();
	return writes;
}

void
platter_hold(bool hold)
{
	lock();
	platter.hold = hold;
	unlock();
}

/* Under the lock. */
static struct held *
wait_for(off_t at)
{
	struct timespec until;
	struct held *held;
	int result = 0;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	while ((held = find(true, at)) == NULL && result == 0)
		result = pthread_cond_timedwait(
		    &platter.changed, &platter.lock, &until);
	return held;
}

void
platter_expect(off_t at)
{
	bool found;

	lock();
	found = wait_for(at) != NULL;
	unlock();
	assert_true(found);
}

void
platter_let(off_t at, int error)
{
	struct held *held;

	lock();
	held = wait_for(at);
	if (held != NULL) {
		held->error = error;
		held->let = true;
	}
	unlock();
	assert_non_null(held);
}
