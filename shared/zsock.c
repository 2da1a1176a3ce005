#include "zsock.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "wire.h"

enum {
	/* Four times the credit of a link: within it nobody meets EAGAIN, and
	 * a receive pipe is never so full that libzmq stops reading. */
	HIGH_WATER = 2048,
	HIGH_WATER_ADMIN = 64, /* replies may have WIRE_ADMIN_MAX bytes each */
	MESSAGE_MAX_DATA = (32 << 20) + WIRE_EVENT_SPARE,
	LINGER_CONTROL_MS = 1000, /* the last ACKs of a worker that stops */
	/* A signal interrupts a call once; in a forked child each call fails
	 * with EINTR for ever. */
	INTERRUPTIONS_MAX = 64,
	MALFORMED_MAX = 64, /* skipped in one call: a flood must not hold us */
	CONTEXT_END_S = 5,
};

static const struct kind {
	int type;
	int high_water;
	int max_message; /* of what comes in */
	int linger_ms;
	bool connects;
} kinds[ZSOCK__MAX] = {
    [ZSOCK_DATA_IN] = {ZMQ_PULL, HIGH_WATER, MESSAGE_MAX_DATA, 0, false},
    [ZSOCK_CONTROL_IN] = {ZMQ_ROUTER, HIGH_WATER, WIRE_CONTROL_MAX,
	LINGER_CONTROL_MS, false},
    [ZSOCK_ADMIN_IN] = {ZMQ_ROUTER, HIGH_WATER_ADMIN, WIRE_ADMIN_MAX, 0, false},
    [ZSOCK_DATA_OUT] = {ZMQ_PUSH, HIGH_WATER, WIRE_CONTROL_MAX, 0, true},
    [ZSOCK_CONTROL_OUT] = {ZMQ_DEALER, HIGH_WATER, WIRE_CONTROL_MAX, 0, true},
    [ZSOCK_ADMIN_OUT] = {ZMQ_DEALER, HIGH_WATER_ADMIN, WIRE_ADMIN_MAX, 0, true},
};

struct option {
	int name;
	int value;
};

static const struct option for_all[] = {
    {ZMQ_HEARTBEAT_IVL, 0},
    {ZMQ_HANDSHAKE_IVL, 2000},
    {ZMQ_TCP_KEEPALIVE, 1},
    {ZMQ_TCP_KEEPALIVE_IDLE, 10},
    {ZMQ_TCP_KEEPALIVE_INTVL, 5},
    {ZMQ_TCP_KEEPALIVE_CNT, 3},
    {ZMQ_TCP_MAXRT, 5000},
    {ZMQ_IPV6, 1},
    {0, 0},
};

static const struct option for_binding[] = {
    {ZMQ_BACKLOG, 256},
    {0, 0},
};

static const struct option for_connecting[] = {
    {ZMQ_IMMEDIATE, 1},
    {ZMQ_CONNECT_TIMEOUT, 2000},
    {ZMQ_RECONNECT_IVL, 100},
    {ZMQ_RECONNECT_IVL_MAX, 1000},
    {0, 0},
};

static const struct option for_routers[] = {
    {ZMQ_ROUTER_MANDATORY, 1},
    {ZMQ_ROUTER_HANDOVER, 0},
    {0, 0},
};

static int
set_options(void *socket, const struct option *options)
{
	for (; options->name != 0; options++) {
		if (zmq_setsockopt(socket, options->name, &options->value,
			sizeof options->value) != 0)
			return -1;
	}
	return 0;
}

static int
set_kind(void *socket, const struct kind *kind)
{
	if (set_options(socket, for_all) != 0 ||
	    set_options(
		socket, kind->connects ? for_connecting : for_binding) != 0)
		return -1;
	return kind->type == ZMQ_ROUTER ? set_options(socket, for_routers) : 0;
}

static int
set_limits(
    void *socket, const struct kind *kind, const struct zsock_options *options)
{
	int64_t max_message = options->max_message;
	int high_water = options->high_water;

	if (max_message == 0)
		max_message = kind->max_message;
	if (high_water == 0)
		high_water = kind->high_water;

	const struct option limits[] = {
	    {ZMQ_SNDHWM, high_water},
	    {ZMQ_RCVHWM, high_water},
	    {ZMQ_LINGER, kind->linger_ms},
	    {0, 0},
	};
	if (set_options(socket, limits) != 0 ||
	    zmq_setsockopt(
		socket, ZMQ_MAXMSGSIZE, &max_message, sizeof max_message) != 0)
		return -1;
	if (options->routing_id_len == 0)
		return 0;
	return zmq_setsockopt(socket, ZMQ_ROUTING_ID, options->routing_id,
	    options->routing_id_len);
}

void *
zsock_new(
    void *context, enum zsock_kind kind, const struct zsock_options *options)
{
	static const struct zsock_options none;
	void *socket = zmq_socket(context, kinds[kind].type);

	if (socket == NULL || set_kind(socket, &kinds[kind]) != 0 ||
	    set_limits(
		socket, &kinds[kind], options != NULL ? options : &none) != 0) {
		log_error("socket_failed", log_int("kind", kind),
		    log_str("error", zmq_strerror(zmq_errno())));
		zsock_close(socket);
		return NULL;
	}
	return socket;
}

/* ---- binding ---- */

static const struct hint {
	int error;
	const char *text;
} hints[] = {
    {ENOENT, "create its directory for the user of gaff-worker "
	     "(systemd: RuntimeDirectory=gaff)"},
    {ENOTDIR, "a part of its path is no directory"},
    {EACCES, "let the user of gaff-worker write to its directory"},
    {EPERM, "let the user of gaff-worker write to its directory"},
    {EROFS, "choose a path on a writable file system, such as /run/gaff"},
    {ENOSPC, "make room on its file system"},
    {EADDRINUSE, "another process has this address"},
    {EADDRNOTAVAIL, "no interface of this host has this address"},
    {ENODEV, "no interface of this host has this address"},
    {EINVAL, "write ipc:///run/gaff/NAME or tcp://ADDRESS:PORT"},
    {ENOCOMPATPROTO, "write ipc:///run/gaff/NAME or tcp://ADDRESS:PORT"},
    {EPROTONOSUPPORT, "write ipc:///run/gaff/NAME or tcp://ADDRESS:PORT"},
};

/* Logs why, with what to do about it; always -1. */
static int
bind_failed(const char *endpoint, int error)
{
	const char *text = NULL;

	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
		if (hints[i].error == error)
			text = hints[i].text;
	}
	log_error("bind_failed", log_str("endpoint", endpoint),
	    log_str("error", zmq_strerror(error)), log_str("hint", text));
	return -1;
}

static int
bind_refused(const char *endpoint, const char *reason, const char *hint)
{
	log_error("bind_failed", log_str("endpoint", endpoint),
	    log_str("reason", reason), log_str("hint", hint));
	return -1;
}

static int
check_path(const char *endpoint, const char *path)
{
	enum { PATH_LEN_MAX = sizeof((struct sockaddr_un *)0)->sun_path - 1 };

	char reason[80];

	if (*path == '\0' || *path == '*' || *path == '@')
		return bind_refused(endpoint, "not a path",
		    "write ipc:///run/gaff/NAME: other forms have no "
		    "permissions");
	if (strlen(path) <= PATH_LEN_MAX)
		return 0;
	(void)snprintf(reason, sizeof reason,
	    "path of %zu bytes, the system allows %d", strlen(path),
	    PATH_LEN_MAX);
	return bind_refused(endpoint, reason, "choose a shorter path");
}

/* Says who holds the lock, as far as the file tells. */
static int
lock_held(const char *endpoint, int fd)
{
	char reason[64];
	char pid[16] = "?";

	if (pread(fd, pid, sizeof pid - 1, 0) <= 0)
		pid[0] = '?';
	(void)snprintf(reason, sizeof reason, "in use by process %.*s",
	    (int)strcspn(pid, "\n"), pid);
	return bind_refused(
	    endpoint, reason, "stop it, or give this worker other endpoints");
}

/* Take PATH.lock; -1, logged, when another process has it. */
static int
take_lock(const char *endpoint, const char *path)
{
	char name[sizeof((struct sockaddr_un *)0)->sun_path + sizeof ".lock"];
	int fd;

	(void)snprintf(name, sizeof name, "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return bind_failed(endpoint, errno);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			(void)lock_held(endpoint, fd);
		else
			(void)bind_failed(endpoint, errno);
		(void)close(fd);
		return -1;
	}
	/* for people who look: a failure to write it does no harm */
	if (ftruncate(fd, 0) == 0)
		(void)dprintf(fd, "%ld\n", (long)getpid());
	return fd;
}

/* Remove the socket of an earlier life; nothing else is ever removed. */
static int
remove_stale(const char *endpoint, const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : bind_failed(endpoint, errno);
	if (!S_ISSOCK(st.st_mode))
		return bind_refused(endpoint,
		    "a file that is no socket is there",
		    "remove it, or choose another path");
	return unlink(path) == 0 ? 0 : bind_failed(endpoint, errno);
}

static int
set_rights(
    const char *endpoint, const char *path, unsigned mode, const char *group)
{
	const struct group *found = NULL;

	if (group != NULL) {
		found = getgrnam(group);
		if (found == NULL)
			return bind_refused(endpoint, "no such group", group);
		if (chown(path, (uid_t)-1, found->gr_gid) != 0)
			return bind_refused(endpoint,
			    "cannot give the socket to "
			    "its group",
			    "make the user of gaff-worker a member of it");
	}
	return chmod(path, (mode_t)mode) == 0 ? 0
					      : bind_failed(endpoint, errno);
}

static int
bind_closed(void *socket, const char *endpoint)
{
	/* closed to everybody else until its rights are set */
	mode_t before = umask(0177);
	int rc = zmq_bind(socket, endpoint);

	(void)umask(before);
	return rc == 0 ? 0 : bind_failed(endpoint, zmq_errno());
}

static int
bind_ipc(void *socket, const char *endpoint, unsigned mode, const char *group)
{
	const char *path = endpoint + strlen("ipc://");
	int fd;

	if (check_path(endpoint, path) != 0)
		return -1;
	fd = take_lock(endpoint, path);
	if (fd == -1)
		return -1;
	if (remove_stale(endpoint, path) != 0 ||
	    bind_closed(socket, endpoint) != 0)
		goto fail;
	if (set_rights(endpoint, path, mode, group) != 0) {
		(void)zmq_unbind(socket, endpoint);
		goto fail;
	}
	return fd;
fail:
	(void)close(fd);
	return -1;
}

int
zsock_bind(void *socket, const char *endpoint, unsigned mode, const char *group,
    int *lock_fd)
{
	*lock_fd = -1;
	if (strncmp(endpoint, "ipc://", strlen("ipc://")) == 0) {
		*lock_fd = bind_ipc(socket, endpoint, mode, group);
		return *lock_fd == -1 ? -1 : 0;
	}
	if (zmq_bind(socket, endpoint) != 0)
		return bind_failed(endpoint, zmq_errno());
	return 0;
}

/* ---- sending and receiving ---- */

static int
send_part(void *socket, const void *p, size_t len, int flags)
{
	int rc = -1;

	for (int i = 0; i < INTERRUPTIONS_MAX; i++) {
		rc = zmq_send(socket, p, len, flags | ZMQ_DONTWAIT);
		if (rc != -1 || errno != EINTR)
			break;
	}
	return rc == -1 ? -1 : 0;
}

int
zsock_send(void *socket, const void *p, size_t len)
{
	return send_part(socket, p, len, 0);
}

int
zsock_send_to(
    void *socket, const void *id, size_t id_len, const void *p, size_t len)
{
	if (send_part(socket, id, id_len, ZMQ_SNDMORE) != 0)
		return -1;
	return send_part(socket, p, len, 0);
}

static int
recv_part(void *socket, zmq_msg_t *msg)
{
	int rc = -1;

	for (int i = 0; i < INTERRUPTIONS_MAX; i++) {
		rc = zmq_msg_recv(msg, socket, ZMQ_DONTWAIT);
		if (rc != -1 || errno != EINTR)
			break;
	}
	return rc == -1 ? -1 : 0;
}

/* Receive a message of exactly `want` parts; others are skipped. */
static int
recv_parts(void *socket, zmq_msg_t *parts[], int want, uint64_t *malformed)
{
	for (int skipped = 0; skipped < MALFORMED_MAX; skipped++) {
		int got = 0;
		bool more = true;

		while (more) {
			/* what is too much lands in the last part */
			zmq_msg_t *part = parts[got < want ? got : want - 1];

			if (recv_part(socket, part) != 0)
				return -1;
			more = zmq_msg_more(part) != 0;
			got += got <= want;
		}
		if (got == want)
			return 0;
		if (malformed != NULL)
			++*malformed;
	}
	errno = EAGAIN;
	return -1;
}

int
zsock_recv(void *socket, zmq_msg_t *msg, uint64_t *malformed)
{
	zmq_msg_t *parts[] = {msg};

	return recv_parts(socket, parts, 1, malformed);
}

int
zsock_recv_from(
    void *socket, zmq_msg_t *id, zmq_msg_t *msg, uint64_t *malformed)
{
	zmq_msg_t *parts[] = {id, msg};

	return recv_parts(socket, parts, 2, malformed);
}

int
zsock_fd(void *socket)
{
	int fd = -1;
	size_t len = sizeof fd;

	return zmq_getsockopt(socket, ZMQ_FD, &fd, &len) == 0 ? fd : -1;
}

/* ---- ending ---- */

void
zsock_close(void *socket)
{
	if (socket != NULL)
		(void)zmq_close(socket);
}

static void *
end_context(void *context)
{
	for (int i = 0; i < INTERRUPTIONS_MAX; i++) {
		if (zmq_ctx_term(context) == 0 || errno != EINTR)
			break;
	}
	return NULL;
}

void
zsock_context_end(void *context)
{
	struct timespec until;
	pthread_t thread;
	sigset_t all;
	sigset_t before;
	int rc;

	if (context == NULL)
		return;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, NULL, end_context, context);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		(void)end_context(context);
		return;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += CONTEXT_END_S;
	if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) != 0) {
		log_warn("sockets_still_open_at_the_end", LOG_NONE);
		(void)pthread_detach(thread);
	}
}
