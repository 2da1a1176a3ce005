#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "front.h"
#include "records.h"

enum {
	MOMENT_MS = 1,     /* between connection and request */
	LOOK_AGAIN_MS = 5, /* the first record is in two packets */
	LOOK_LIMIT_MS = 5000,
	LINGER_MS = 1000, /* for the rest of a body nobody wants */
	LINGER_BYTES = 8 << 20,
};

struct front_fcgi {
	struct front front;
	FCGX_Request fcgx;
	int fd; /* ours; libfcgi has a duplicate that it may close */
	bool ended;
	struct watch *watch; /* NULL: no more */
};

static struct front_fcgi *
self(struct front *front)
{
	return (struct front_fcgi *)(void *)front;
}

/* Whoever may connect may try this without end. */
static void
log_no_request(void)
{
	static struct log_limit limit;
	unsigned suppressed;

	if (log_allow(&limit, LOG_LINES, clock_boot_ms(), &suppressed))
		log_warn("no_fastcgi_request", log_suppressed(suppressed));
}

/* Look at what is there without taking it. */
static bool
looks_like_request(int fd)
{
	unsigned char bytes[RECORDS_PEEK];
	int64_t until = clock_boot_ms() + LOOK_LIMIT_MS;
	struct pollfd end = {.fd = fd, .events = POLLRDHUP};
	bool closed = false;

	for (;;) {
		ssize_t n = recv(fd, bytes, sizeof bytes, MSG_PEEK);

		if (n <= 0)
			return false;
		switch (records_check(bytes, (size_t)n)) {
		case RECORDS_OK:
		case RECORDS_WHOLE:
			return true;
		case RECORDS_BAD:
			log_no_request();
			return false;
		case RECORDS_SHORT:
			/* Nothing more comes, or it takes too long. */
			if (closed || clock_boot_ms() > until)
				return false;
			closed = poll(&end, 1, LOOK_AGAIN_MS) > 0;
			break;
		}
	}
}

bool
front_fcgi_is_whole(int fd)
{
	unsigned char bytes[RECORDS_PEEK];
	struct pollfd come = {.fd = fd, .events = POLLIN};
	ssize_t n = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);

	/* web servers connect, then write */
	if (n == -1 && errno == EAGAIN && poll(&come, 1, MOMENT_MS) == 1)
		n = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
	return n > 0 && records_check(bytes, (size_t)n) == RECORDS_WHOLE;
}

static void
end_watch(struct front_fcgi *fcgi)
{
	if (fcgi->watch != NULL)
		watch_end(fcgi->watch);
	fcgi->watch = NULL;
}

static enum front_read
fcgi_read(struct front *front, void *p, size_t len, size_t *got)
{
	struct front_fcgi *fcgi = self(front);
	int n = FCGX_GetStr(p, (int)len, fcgi->fcgx.in);

	*got = n > 0 ? (size_t)n : 0;
	if (*got == len)
		return FRONT_PART;
	if (FCGX_GetError(fcgi->fcgx.in) != 0 ||
	    FCGX_HasSeenEOF(fcgi->fcgx.in) != EOF)
		return FRONT_FAULT;
	fcgi->ended = true;
	end_watch(fcgi);
	return FRONT_END;
}

static void
fcgi_patience(struct front *front, int ms)
{
	const struct timeval limit = {
	    .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L};

	(void)setsockopt(
	    self(front)->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

static void
fcgi_answer(struct front *front, const void *p, size_t len)
{
	struct front_fcgi *fcgi = self(front);

	(void)FCGX_PutStr(p, (int)len, fcgi->fcgx.out);
	(void)FCGX_FClose(fcgi->fcgx.err);
	(void)FCGX_FClose(fcgi->fcgx.out);
}

/* Closing with unread input would reset the peer before it has our answer:
 * say that we are done, and take what still comes. */
static void
linger(const struct front_fcgi *fcgi)
{
	int64_t until = clock_boot_ms() + LINGER_MS;
	char bytes[16384];
	size_t taken = 0;

	(void)shutdown(fcgi->fd, SHUT_WR);
	while (taken < LINGER_BYTES && clock_boot_ms() < until) {
		struct pollfd pollfd = {.fd = fcgi->fd, .events = POLLIN};
		ssize_t n;

		if (poll(&pollfd, 1, LINGER_MS / 4) != 1)
			return;
		n = recv(fcgi->fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n <= 0)
			return;
		taken += (size_t)n;
	}
}

static void
fcgi_close(struct front *front)
{
	struct front_fcgi *fcgi = self(front);

	/* a kept connection is never used again: what the body left behind
	 * would be read as the next request */
	FCGX_Free(&fcgi->fcgx, 0);
	if (!fcgi->ended)
		linger(fcgi);
	end_watch(fcgi);
	(void)close(fcgi->fcgx.ipcFd);
	(void)close(fcgi->fd);
	free(fcgi);
}

static const struct front_ops fcgi_ops = {
    .read = fcgi_read,
    .patience = fcgi_patience,
    .answer = fcgi_answer,
    .close = fcgi_close,
};

/* Let libfcgi read the request's variables from a duplicate of the descriptor,
 * which it closes when it fails. */
static int
begin(struct front_fcgi *fcgi)
{
	if (FCGX_InitRequest(&fcgi->fcgx, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0)
		return -1;
	fcgi->fcgx.ipcFd = fcntl(fcgi->fd, F_DUPFD_CLOEXEC, 0);
	if (fcgi->fcgx.ipcFd == -1)
		return -1;
	/* a connection that is open already is used, not closed */
	fcgi->fcgx.keepConnection = 1;
	(void)FCGX_Detach(&fcgi->fcgx);
	return FCGX_Accept_r(&fcgi->fcgx) == 0 ? 0 : -1;
}

struct front *
front_fcgi_open(int fd, bool whole, struct watch *watch)
{
	struct front_fcgi *fcgi = calloc(1, sizeof *fcgi);

	if (fcgi == NULL || (!whole && !looks_like_request(fd)))
		goto fail;
	fcgi->front.ops = &fcgi_ops;
	fcgi->fd = fd;
	fcgi->watch = watch;
	if (begin(fcgi) != 0)
		goto fail;
	fcgi->front.envp = fcgi->fcgx.envp;
	return &fcgi->front;
fail:
	watch_end(watch);
	(void)close(fd);
	free(fcgi);
	return NULL;
}
