#include "pool.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "../shared/log.h"

enum {
	STACK_BYTES = 512 * 1024,
	FAULT_PAUSE_MS = 100, /* after a failed accept */
};

struct thread {
	pthread_t id;
	struct pool *pool;
	struct watch watch;
};

struct pool {
	struct gate *gate;
	struct listen *listen;
	int wake_fd;
	pthread_mutex_t accepting; /* held by the one that waits */
	struct log_limit limit;    /* of failed accepts */
	atomic_bool draining;
	atomic_size_t running;
	size_t n;
	struct thread threads[];
};

static void
on_fault(struct pool *pool)
{
	unsigned suppressed;

	if (log_allow(&pool->limit, LOG_LINES, clock_boot_ms(), &suppressed))
		log_error("accept_failed", log_str("error", strerror(errno)),
		    log_suppressed(suppressed));
	(void)poll(NULL, 0, FAULT_PAUSE_MS);
}

static void
wait_for_connection(const struct pool *pool)
{
	struct pollfd fds[] = {
	    {.fd = pool->listen->fd, .events = POLLIN},
	    {.fd = pool->wake_fd, .events = POLLIN},
	};

	(void)poll(fds, 2, -1);
}

/* The next connection, or -1 when there will be no more. */
static int
next_connection(struct pool *pool)
{
	int fd = -1;

	(void)pthread_mutex_lock(&pool->accepting);
	for (;;) {
		bool draining = atomic_load(&pool->draining);

		/* those that wait in a shared listener are for the others */
		if (draining && !pool->listen->own)
			break;
		fd = listen_accept(pool->listen);
		if (fd != -1 || (draining && errno == EAGAIN))
			break;
		if (errno == EAGAIN)
			wait_for_connection(pool);
		else
			on_fault(pool);
	}
	(void)pthread_mutex_unlock(&pool->accepting);
	return fd;
}

static void *
serve(void *arg)
{
	struct thread *self = arg;
	struct pool *pool = self->pool;
	int fd;

	while ((fd = next_connection(pool)) != -1) {
		struct front *front;

		watch_begin(&self->watch, fd, clock_boot_ms() + POOL_READ_MS);
		front = front_fcgi_open(fd, &self->watch);
		if (front != NULL)
			gate_serve(pool->gate, front);
	}
	(void)atomic_fetch_sub(&pool->running, 1);
	return NULL;
}

static int
start_threads(struct pool *pool, size_t n)
{
	pthread_attr_t attr;
	int rc = 0;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	while (rc == 0 && pool->n < n) {
		struct thread *thread = &pool->threads[pool->n];

		thread->pool = pool;
		watch_init(&thread->watch);
		rc = pthread_create(&thread->id, &attr, serve, thread);
		if (rc != 0)
			break;
		pool->n++;
		(void)atomic_fetch_add(&pool->running, 1);
	}
	(void)pthread_attr_destroy(&attr);
	if (rc != 0)
		log_error("thread_failed", log_str("error", strerror(rc)));
	return rc;
}

struct pool *
pool_start(struct gate *gate, struct listen *listen, size_t n)
{
	struct pool *pool =
	    calloc(1, sizeof *pool + n * sizeof pool->threads[0]);

	if (pool == NULL) {
		log_error("no_memory", log_str("for", "threads"));
		return NULL;
	}
	pool->gate = gate;
	pool->listen = listen;
	atomic_init(&pool->draining, false);
	atomic_init(&pool->running, 0);
	(void)pthread_mutex_init(&pool->accepting, NULL);
	pool->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pool->wake_fd == -1 || start_threads(pool, n) != 0) {
		pool_drain(pool);
		pool_free(pool);
		return NULL;
	}
	return pool;
}

void
pool_watch(struct pool *pool)
{
	int64_t now_ms = clock_boot_ms();

	for (size_t i = 0; i < pool->n; i++)
		watch_check(&pool->threads[i].watch, now_ms);
}

void
pool_drain(struct pool *pool)
{
	const uint64_t one = 1;

	atomic_store(&pool->draining, true);
	/* never read: every thread is to see it */
	if (pool->wake_fd != -1)
		(void)!write(pool->wake_fd, &one, sizeof one);
}

bool
pool_is_idle(const struct pool *pool)
{
	return atomic_load(&pool->running) == 0;
}

void
pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	for (size_t i = 0; i < pool->n; i++)
		(void)pthread_join(pool->threads[i].id, NULL);
	if (pool->wake_fd != -1)
		(void)close(pool->wake_fd);
	(void)pthread_mutex_destroy(&pool->accepting);
	free(pool);
}
