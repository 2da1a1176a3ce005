#include "pool.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
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
	bool has_turn;
	int epoll_fd; /* the listener, by turns, and wake_fd */
};

struct pool {
	struct gate *gate;
	struct listen *listen;
	int wake_fd;
	sem_t turns;            /* one for each that may accept */
	struct log_limit limit; /* of failed accepts */
	atomic_bool draining;
	atomic_size_t running;
	size_t n;
	struct thread threads[];
};

static void
on_fault(struct pool *pool, int error)
{
	unsigned suppressed;

	if (log_allow(&pool->limit, LOG_LINES, clock_boot_ms(), &suppressed))
		log_error("accept_failed", log_str("error", strerror(error)),
		    log_suppressed(suppressed));
	(void)poll(NULL, 0, FAULT_PAUSE_MS);
}

/* The next connection, or -1 when there will be no more. */
static int
next_connection(const struct thread *self)
{
	struct pool *pool = self->pool;
	struct epoll_event event;
	int fd = -1;
	int error;

	for (;;) {
		bool draining = atomic_load(&pool->draining);

		/* those that wait in a shared listener are for the others */
		if (draining && !pool->listen->own)
			break;
		fd = listen_accept(pool->listen);
		if (fd != -1)
			break;
		error = errno;
		gate_flush(pool->gate);
		if (error != EAGAIN)
			on_fault(pool, error);
		else if (draining)
			break;
		else
			(void)epoll_wait(self->epoll_fd, &event, 1, -1);
	}
	return fd;
}

/* What it has handed over does not wait for that. */
static void
take_turn(struct thread *self)
{
	if (!self->has_turn)
		gate_flush(self->pool->gate);
	while (!self->has_turn)
		self->has_turn = sem_wait(&self->pool->turns) == 0;
}

static void
give_turn(void *arg)
{
	struct thread *self = arg;

	gate_flush(self->pool->gate);
	if (self->has_turn)
		(void)sem_post(&self->pool->turns);
	self->has_turn = false;
}

/* A request that is there whole is served at once and the thread keeps its
 * turn, so that busy times wake nobody, the link but for every few; before it
 * waits for the rest of one, or for keys, it hands its turn to another. */
static void
serve_one(struct thread *self, int fd)
{
	bool whole = front_fcgi_is_whole(fd);
	struct front *front;

	if (!whole) {
		give_turn(self);
		watch_begin(&self->watch, fd, clock_boot_ms() + POOL_READ_MS);
	}
	front = front_fcgi_open(fd, whole ? NULL : &self->watch);
	if (front == NULL)
		return;
	front->aside = give_turn;
	front->aside_arg = self;
	gate_serve(self->pool->gate, front);
}

static void *
serve(void *arg)
{
	struct thread *self = arg;
	int fd;

	take_turn(self);
	while ((fd = next_connection(self)) != -1) {
		serve_one(self, fd);
		take_turn(self);
	}
	give_turn(self);
	(void)atomic_fetch_sub(&self->pool->running, 1);
	return NULL;
}

/* Half of the processors: the web server, the link and the worker need some,
 * too. */
static unsigned
count_turns(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return processors >= 4 ? (unsigned)processors / 2 : 1;
}

static int
open_epoll(struct thread *thread, const struct pool *pool)
{
	struct epoll_event listener = {.events = EPOLLIN | EPOLLEXCLUSIVE};
	struct epoll_event wake = {.events = EPOLLIN};

	thread->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (thread->epoll_fd == -1)
		return errno;
	if (epoll_ctl(thread->epoll_fd, EPOLL_CTL_ADD, pool->listen->fd,
		&listener) == 0 &&
	    epoll_ctl(thread->epoll_fd, EPOLL_CTL_ADD, pool->wake_fd, &wake) ==
		0)
		return 0;
	(void)close(thread->epoll_fd);
	return errno;
}

static int
start_thread(struct pool *pool, const pthread_attr_t *attr)
{
	struct thread *thread = &pool->threads[pool->n];
	int rc;

	thread->pool = pool;
	watch_init(&thread->watch);
	rc = open_epoll(thread, pool);
	if (rc != 0)
		return rc;
	rc = pthread_create(&thread->id, attr, serve, thread);
	if (rc != 0) {
		(void)close(thread->epoll_fd);
		return rc;
	}
	pool->n++;
	(void)atomic_fetch_add(&pool->running, 1);
	return 0;
}

static int
start_threads(struct pool *pool, size_t n)
{
	pthread_attr_t attr;
	int rc = 0;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	while (rc == 0 && pool->n < n)
		rc = start_thread(pool, &attr);
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
	(void)sem_init(&pool->turns, 0, count_turns());
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
	for (size_t i = 0; i < pool->n; i++) {
		(void)pthread_join(pool->threads[i].id, NULL);
		(void)close(pool->threads[i].epoll_fd);
	}
	if (pool->wake_fd != -1)
		(void)close(pool->wake_fd);
	(void)sem_destroy(&pool->turns);
	free(pool);
}
