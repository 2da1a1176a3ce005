#include "writers.h"

#include <sys/eventfd.h>
#include <sys/uio.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "../shared/clock.h"

enum { ALIGN = 4096 };

enum state { RESTS, WRITES, ENDED };

struct writer {
	struct writers *all;
	pthread_t thread;
	bool started;
	unsigned char *buffer;
	bool away; /* its thread was given it: known to who begins it */
	pthread_cond_t changed;
	/* -- under the lock -- */
	enum state state;
	size_t len;
	off_t at;
	int error;
	int64_t took_us;
};

struct writers {
	int fd;
	int end_fd;
	pthread_mutex_t lock;
	bool quit;
	/* -- of the thread that has them -- */
	size_t n_away;
	unsigned slow; /* ended last, one after the other */
	/* -- */
	struct writer each[WRITERS];
};

int
writers_put(int fd, const unsigned char *p, size_t len, off_t at)
{
	struct iovec part;
	ssize_t done;

	for (; len > 0; p += done, len -= (size_t)done, at += done) {
		/* It is only read. */
		part.iov_base = (void *)(uintptr_t)p;
		part.iov_len = len;
		do
			done = pwritev2(fd, &part, 1, at, RWF_DSYNC);
		while (done < 0 && errno == EINTR);
		if (done == 0)
			errno = EIO;
		if (done <= 0)
			return -1;
	}
	return 0;
}

/* ---- a thread ---- */

static void
write_one(struct writer *w)
{
	int64_t start_us = clock_boot_us();
	int error =
	    writers_put(w->all->fd, w->buffer, w->len, w->at) == 0 ? 0 : errno;

	(void)pthread_mutex_lock(&w->all->lock);
	w->state = ENDED;
	w->error = error;
	w->took_us = clock_boot_us() - start_us;
	(void)pthread_mutex_unlock(&w->all->lock);
}

static bool
wait_for_work(struct writer *w)
{
	bool some;

	(void)pthread_mutex_lock(&w->all->lock);
	while (w->state != WRITES && !w->all->quit)
		(void)pthread_cond_wait(&w->changed, &w->all->lock);
	some = w->state == WRITES;
	(void)pthread_mutex_unlock(&w->all->lock);
	return some;
}

static void *
run(void *arg)
{
	const uint64_t one = 1;
	struct writer *w = arg;

	while (wait_for_work(w)) {
		write_one(w);
		(void)!write(w->all->end_fd, &one, sizeof one);
	}
	return NULL;
}

/* ---- for the thread that has them ---- */

unsigned char *
writers_buffer(const struct writers *writers, unsigned writer)
{
	return writers->each[writer].buffer;
}

void
writers_begin(struct writers *writers, unsigned writer, size_t len, off_t at)
{
	struct writer *w = &writers->each[writer];

	w->len = len;
	w->at = at;
	if (writers->n_away == 0 && writers->slow < WRITERS_SLOW) {
		write_one(w);
		return;
	}
	w->away = true;
	writers->n_away++;
	(void)pthread_mutex_lock(&writers->lock);
	w->state = WRITES;
	(void)pthread_cond_signal(&w->changed);
	(void)pthread_mutex_unlock(&writers->lock);
}

int
writers_fd(const struct writers *writers)
{
	return writers->end_fd;
}

size_t
writers_ended(struct writers *writers, struct writers_end ends[WRITERS])
{
	uint64_t count;
	size_t n = 0;

	/* First: who ends behind it is told of again. */
	if (writers->n_away > 0)
		(void)!read(writers->end_fd, &count, sizeof count);
	(void)pthread_mutex_lock(&writers->lock);
	for (unsigned i = 0; i < WRITERS; i++) {
		struct writer *w = &writers->each[i];

		if (w->state != ENDED)
			continue;
		w->state = RESTS;
		writers->n_away -= w->away;
		w->away = false;
		if (w->took_us < WRITERS_SLOW_US)
			writers->slow = 0;
		else if (writers->slow < WRITERS_SLOW)
			writers->slow++;
		ends[n++] = (struct writers_end){
		    .writer = i, .error = w->error, .took_us = w->took_us};
	}
	(void)pthread_mutex_unlock(&writers->lock);
	return n;
}

/* ---- starting and stopping ---- */

static int
start_one(struct writers *writers, struct writer *w, size_t bytes)
{
	w->all = writers;
	w->buffer = aligned_alloc(ALIGN, bytes);
	if (w->buffer == NULL || pthread_create(&w->thread, NULL, run, w) != 0)
		return -1;
	(void)pthread_setname_np(w->thread, "journal");
	w->started = true;
	return 0;
}

struct writers *
writers_start(int fd, size_t bytes)
{
	struct writers *writers = calloc(1, sizeof *writers);
	int result;

	if (writers == NULL)
		return NULL;
	writers->fd = fd;
	(void)pthread_mutex_init(&writers->lock, NULL);
	for (size_t i = 0; i < WRITERS; i++)
		(void)pthread_cond_init(&writers->each[i].changed, NULL);
	writers->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	result = writers->end_fd == -1 ? -1 : 0;
	for (size_t i = 0; i < WRITERS && result == 0; i++)
		result = start_one(writers, &writers->each[i], bytes);
	if (result == 0)
		return writers;
	writers_stop(writers);
	return NULL;
}

void
writers_stop(struct writers *writers)
{
	if (writers == NULL)
		return;
	(void)pthread_mutex_lock(&writers->lock);
	writers->quit = true;
	for (size_t i = 0; i < WRITERS; i++)
		(void)pthread_cond_signal(&writers->each[i].changed);
	(void)pthread_mutex_unlock(&writers->lock);
	for (size_t i = 0; i < WRITERS; i++) {
		struct writer *w = &writers->each[i];

		if (w->started)
			(void)pthread_join(w->thread, NULL);
		(void)pthread_cond_destroy(&w->changed);
		free(w->buffer);
	}
	if (writers->end_fd != -1)
		(void)close(writers->end_fd);
	(void)pthread_mutex_destroy(&writers->lock);
	free(writers);
}
