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

#include "../shared/buf.h"
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
	int fd; /* ours; libfcgi has it too, or a duplicate: prepare_to_wait()
		 */
	bool ended;
	struct watch *watch; /* NULL: no more, or the request is whole */
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
set_patience(int fd, int ms)
{
	const struct timeval limit = {
	    .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

static void
fcgi_patience(struct front *front, int ms)
{
	set_patience(self(front)->fd, ms);
}

/* What only reading takes. */
static void
release(struct front_fcgi *fcgi)
{
	end_watch(fcgi);
	FCGX_Free(&fcgi->fcgx, 0);
	if (fcgi->fcgx.ipcFd != -1 && fcgi->fcgx.ipcFd != fcgi->fd)
		(void)close(fcgi->fcgx.ipcFd);
	fcgi->fcgx.ipcFd = -1;
}

static void
fcgi_forget(struct front *front)
{
	front->envp = NULL;
	release(self(front));
}

static void
send_all(int fd, const char *p, size_t len)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n == -1 && errno == EAGAIN &&
		    poll(&room, 1, FRONT_SEND_MS) == 1)
			continue;
		if (n <= 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

static void
fcgi_answer(struct front *front, const void *p, size_t len)
{
	struct front_fcgi *fcgi = self(front);
	struct buf out = {0};

	if (records_answer(&out, (unsigned)fcgi->fcgx.requestId, p, len) == 0)
		send_all(fcgi->fd, out.p, out.len);
	else
		log_error("no_memory", log_str("for", "answer"));
	buf_clear(&out);
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
	if (!fcgi->ended)
		linger(fcgi);
	release(fcgi);
	(void)close(fcgi->fd);
	free(fcgi);
}

static const struct front_ops fcgi_ops = {
    .read = fcgi_read,
    .patience = fcgi_patience,
    .forget = fcgi_forget,
    .answer = fcgi_answer,
    .close = fcgi_close,
};

/* Where the rest is waited for, a silence ends it, and libfcgi, which closes
 * its descriptor when it fails, has a duplicate: the watch must not meet
 * another connection under that number. */
static int
prepare_to_wait(struct front_fcgi *fcgi)
{
	if (fcntl(fcgi->fd, F_SETFL, 0) != 0)
		return -1;
	set_patience(fcgi->fd, FRONT_RECEIVE_MS);
	fcgi->fcgx.ipcFd = fcntl(fcgi->fd, F_DUPFD_CLOEXEC, 0);
	return fcgi->fcgx.ipcFd != -1 && looks_like_request(fcgi->fd) ? 0 : -1;
}

/* Let libfcgi read the request's variables. */
static int
begin(struct front_fcgi *fcgi)
{
	bool is_lent;

	fcgi->fcgx.ipcFd = -1;
	if (FCGX_InitRequest(&fcgi->fcgx, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0)
		return -1;
	fcgi->fcgx.ipcFd = fcgi->fd;
	if (fcgi->watch != NULL && prepare_to_wait(fcgi) != 0)
		return -1;
	is_lent = fcgi->fcgx.ipcFd == fcgi->fd;
	/* a connection that is open already is used, not closed */
	fcgi->fcgx.keepConnection = 1;
	(void)FCGX_Detach(&fcgi->fcgx);
	if (FCGX_Accept_r(&fcgi->fcgx) == 0)
		return 0;
	if (is_lent && fcgi->fcgx.ipcFd == -1)
		fcgi->fd = -1;
	return -1;
}

struct front *
front_fcgi_open(int fd, struct watch *watch)
{
	struct front_fcgi *fcgi = calloc(1, sizeof *fcgi);

	if (fcgi == NULL) {
		if (watch != NULL)
			watch_end(watch);
		(void)close(fd);
		return NULL;
	}
	fcgi->front.ops = &fcgi_ops;
	fcgi->fd = fd;
	fcgi->watch = watch;
	if (begin(fcgi) != 0) {
		release(fcgi);
		if (fcgi->fd != -1)
			(void)close(fcgi->fd);
		free(fcgi);
		return NULL;
	}
	fcgi->front.envp = fcgi->fcgx.envp;
	return &fcgi->front;
}
