#include "exchanges.h"

#include <sys/epoll.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "../shared/log.h"

enum { READY_MAX = 64 };

struct exchanges {
	CURLM *multi;
	int epoll;
	int64_t due_ms;
	/* What each socket is waited for, by descriptor: EPOLLIN, EPOLLOUT. */
	uint32_t *wanted;
	size_t n;
};

/* 0 or -1: there is room for this descriptor, or no memory. */
static int
reach(struct exchanges *e, size_t fd)
{
	size_t n = e->n > 0 ? e->n : 64;
	uint32_t *grown;

	while (n <= fd)
		n *= 2;
	if (n == e->n)
		return 0;
	grown = reallocarray(e->wanted, n, sizeof(*grown));
	if (grown == NULL)
		return -1;
	memset(grown + e->n, 0, (n - e->n) * sizeof(*grown));
	e->wanted = grown;
	e->n = n;
	return 0;
}

/* It may be there since the exchange before, which had the same connection; or
 * the kernel has forgotten it when it was closed. */
static int
watch(const struct exchanges *e, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	if (epoll_ctl(e->epoll, EPOLL_CTL_MOD, fd, &event) == 0)
		return 0;
	return errno == ENOENT ? epoll_ctl(e->epoll, EPOLL_CTL_ADD, fd, &event)
			       : -1;
}

/* A socket that is wanted no more stays until it has something: most often the
 * next exchange wants it before. */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
	static const uint32_t events[] = {
	    [CURL_POLL_IN] = EPOLLIN,
	    [CURL_POLL_OUT] = EPOLLOUT,
	    [CURL_POLL_INOUT] = EPOLLIN | EPOLLOUT,
	    [CURL_POLL_REMOVE] = 0,
	};
	struct exchanges *e = arg;

	(void)easy;
	(void)of_socket;
	/* The exchange will run into its time limit; a failure told here would
	 * end all others, too. */
	if (reach(e, (size_t)fd) != 0) {
		log_error("no_memory", log_str("for", "exchanges"));
		return 0;
	}
	e->wanted[fd] = events[what];
	if (events[what] != 0 && watch(e, fd, events[what]) != 0)
		log_error("epoll_failed", log_str("error", strerror(errno)));
	return 0;
}

static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct exchanges *e = arg;

	(void)multi;
	e->due_ms = timeout_ms < 0 ? INT64_MAX : clock_boot_ms() + timeout_ms;
	return 0;
}

struct exchanges *
exchanges_open(CURLM *multi)
{
	struct exchanges *e = calloc(1, sizeof(*e));

	if (e == NULL) {
		log_error("no_memory", log_str("for", "exchanges"));
		return NULL;
	}
	e->multi = multi;
	e->due_ms = INT64_MAX;
	e->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (e->epoll < 0) {
		log_error("epoll_failed", log_str("error", strerror(errno)));
		free(e);
		return NULL;
	}
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, e);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, e);
	return e;
}

void
exchanges_close(struct exchanges *e)
{
	if (e == NULL)
		return;
	/* Connections that are kept are closed with the multi. */
	curl_multi_setopt(e->multi, CURLMOPT_SOCKETFUNCTION, NULL);
	curl_multi_setopt(e->multi, CURLMOPT_TIMERFUNCTION, NULL);
	close(e->epoll);
	free(e->wanted);
	free(e);
}

int
exchanges_fd(const struct exchanges *e)
{
	return e->epoll;
}

int64_t
exchanges_due_ms(const struct exchanges *e)
{
	return e->due_ms;
}

static void
act(struct exchanges *e, const struct epoll_event *event)
{
	int fd = event->data.fd, bits = 0, running;

	/* An idle connection that the other end has closed, say. */
	if ((size_t)fd >= e->n || e->wanted[fd] == 0) {
		(void)epoll_ctl(e->epoll, EPOLL_CTL_DEL, fd, NULL);
		return;
	}
	/* libcurl finds out itself what is wrong. */
	if ((event->events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
		bits |= CURL_CSELECT_IN;
	if ((event->events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
		bits |= CURL_CSELECT_OUT;
	(void)curl_multi_socket_action(e->multi, fd, bits, &running);
}

void
exchanges_begin(struct exchanges *e)
{
	int running;

	if (e->due_ms > clock_boot_ms())
		return;
	e->due_ms = INT64_MAX;
	(void)curl_multi_socket_action(
	    e->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

void
exchanges_run(struct exchanges *e)
{
	struct epoll_event ready[READY_MAX];
	int n = epoll_wait(e->epoll, ready, READY_MAX, 0);

	for (int i = 0; i < n; i++)
		act(e, &ready[i]);
	exchanges_begin(e);
}
