#include "spawn.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/log.h"
#include "run_request.h"
#include "spawner.h"

/* A program that was asked for and has not been reported. */
struct running {
	struct running *next;
	uint64_t id;
	spawn_done_fn *done;
	void *arg;
};

/* A request the socket did not take yet. */
struct waiting {
	struct waiting *next;
	int input; /* our own copy, or -1 */
	size_t len;
	char bytes[];
};

struct spawn {
	int fd;
	pid_t pid;
	bool gone;
	uint64_t last_id;
	struct running *running;
	struct waiting *first;
	struct waiting **end;
	char packet[SPAWNER_END_MAX];
	char request[SPAWNER_REQUEST_MAX];
};

/* gaff-run beside the worker's own program, or where it is installed. */
static _Noreturn void
become_gaff_run(int fd, const char *config)
{
	static const char *const places[] = {"", "/../lib/gaff"};
	char own[PATH_MAX], path[PATH_MAX + 32], file[PATH_MAX];
	char name[] = "gaff-run", *argv[] = {name, file, NULL};
	char *env[] = {NULL}, *slash;
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	own[n > 0 ? n : 0] = '\0';
	if ((slash = strrchr(own, '/')) != NULL)
		*slash = '\0';
	(void)snprintf(file, sizeof(file), "%s", config);
	/* Its standard input is the socket. */
	if (slash == NULL || dup2(fd, STDIN_FILENO) < 0)
		_exit(1);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		(void)snprintf(
		    path, sizeof(path), "%s%s/gaff-run", own, places[i]);
		(void)execve(path, argv, env);
	}
	log_error("gaff_run_cannot_be_started", log_str("path", path),
	    log_str("error", strerror(errno)));
	_exit(1);
}

/* Wait until it has read its configuration. */
static int
await_ready(const struct spawn *spawn)
{
	struct pollfd p = {.fd = spawn->fd, .events = POLLIN};
	struct spawner_end end;

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	return recv(spawn->fd, &end, sizeof(end), 0) == sizeof(end) ? 0 : -1;
}

/* Fork the spawner, or gaff-run when there is a configuration to read. */
static struct spawn *
open_child(const char *config)
{
	struct spawn *spawn = calloc(1, sizeof(*spawn));
	int pair[2] = {-1, -1};

	if (spawn == NULL ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair) != 0)
		goto fail;
	spawn->fd = pair[0];
	spawn->end = &spawn->first;
	spawn->pid = fork();
	if (spawn->pid < 0)
		goto fail;
	if (spawn->pid == 0 && config != NULL)
		become_gaff_run(pair[1], config);
	if (spawn->pid == 0)
		spawner_main(pair[1], &spawner_plain);
	close(pair[1]);
	return spawn;
fail:
	log_error("spawner_failed", log_str("error", strerror(errno)));
	if (pair[0] >= 0)
		close(pair[0]);
	if (pair[1] >= 0)
		close(pair[1]);
	free(spawn);
	return NULL;
}

struct spawn *
spawn_open(void)
{
	return open_child(NULL);
}

struct spawn *
spawn_open_run(const char *config)
{
	struct spawn *spawn = open_child(config);

	if (spawn != NULL && await_ready(spawn) != 0) {
		log_error("gaff_run_did_not_start",
		    log_str("hint", "it has said why"));
		spawn_close(spawn);
		spawn = NULL;
	}
	return spawn;
}

static void
drop_first(struct spawn *spawn)
{
	struct waiting *first = spawn->first;

	spawn->first = first->next;
	if (spawn->first == NULL)
		spawn->end = &spawn->first;
	if (first->input >= 0)
		close(first->input);
	free(first);
}

void
spawn_close(struct spawn *spawn)
{
	struct running *running;

	if (spawn == NULL)
		return;
	close(spawn->fd);
	while (waitpid(spawn->pid, NULL, 0) < 0 && errno == EINTR)
		;
	while (spawn->first != NULL)
		drop_first(spawn);
	while ((running = spawn->running) != NULL) {
		spawn->running = running->next;
		free(running);
	}
	free(spawn);
}

int
spawn_fd(const struct spawn *spawn)
{
	return spawn->fd;
}

bool
spawn_wants_write(const struct spawn *spawn)
{
	return spawn->first != NULL;
}

/* One packet, with a descriptor when `input` is one.  0, or -1 with errno. */
static int
send_packet(struct spawn *spawn, struct iovec packet, int input)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct msghdr msg = {.msg_iov = &packet, .msg_iovlen = 1};
	struct cmsghdr *rights;

	if (input >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		rights = CMSG_FIRSTHDR(&msg);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(rights), &input, sizeof(int));
	}
	return sendmsg(spawn->fd, &msg, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Send now, or keep for later.  0, or -1 with errno and nothing kept. */
static int
submit(struct spawn *spawn, struct iovec packet, int input)
{
	struct waiting *waiting;

	if (spawn->gone) {
		errno = EPIPE;
		return -1;
	}
	if (spawn->first == NULL && send_packet(spawn, packet, input) == 0)
		return 0;
	if (spawn->first == NULL && errno != EAGAIN && errno != ENOBUFS)
		return -1;
	waiting = malloc(sizeof(*waiting) + packet.iov_len);
	if (waiting == NULL)
		return -1;
	waiting->next = NULL;
	waiting->len = packet.iov_len;
	memcpy(waiting->bytes, packet.iov_base, packet.iov_len);
	waiting->input = -1;
	if (input >= 0) {
		waiting->input = fcntl(input, F_DUPFD_CLOEXEC, 0);
		if (waiting->input < 0) {
			free(waiting);
			return -1;
		}
	}
	*spawn->end = waiting;
	spawn->end = &waiting->next;
	return 0;
}

/* Append a text with its NUL; false when it does not fit. */
static bool
put_text(char **p, const char *end, const char *text)
{
	size_t size = strlen(text) + 1;

	if (size > (size_t)(end - *p))
		return false;
	memcpy(*p, text, size);
	*p += size;
	return true;
}

/* Lay the request out in `bytes`; its length, or 0 when it is too long. */
static size_t
pack(const struct spawn_start *start, uint64_t id,
    char bytes[SPAWNER_REQUEST_MAX])
{
	struct spawner_head head = {.id = id, .kind = SPAWNER_START};
	struct spawner_start fixed = {.timeout_ms = start->timeout_ms};
	char *p = bytes + sizeof(head) + sizeof(fixed);
	char *end = p + SPAWN_ARGS_MAX;
	bool fits;

	fits = put_text(&p, end,
		   start->program != NULL ? start->program : start->argv[0]) &&
	       put_text(&p, end, start->directory);
	for (; fits && start->argv[fixed.n_argv] != NULL; fixed.n_argv++)
		fits = put_text(&p, end, start->argv[fixed.n_argv]);
	for (; fits && start->env[fixed.n_env] != NULL; fixed.n_env++)
		fits = put_text(&p, end, start->env[fixed.n_env]);
	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), &fixed, sizeof(fixed));
	return fits ? (size_t)(p - bytes) : 0;
}

/* Lay out what gaff-run is asked for; its length, or 0 when it is too long. */
static size_t
pack_route(const struct spawn_start *start, uint64_t id,
    char bytes[SPAWNER_REQUEST_MAX])
{
	struct spawner_head head = {.id = id, .kind = SPAWNER_START};
	size_t len = run_request_write(
	    start->delivery, bytes + sizeof(head), SPAWN_ARGS_MAX);

	memcpy(bytes, &head, sizeof(head));
	return len > 0 ? sizeof(head) + len : 0;
}

uint64_t
spawn_start(struct spawn *spawn, const struct spawn_start *start)
{
	struct running *running = malloc(sizeof(*running));
	char *bytes = spawn->request;
	uint64_t id = 0;
	size_t len;

	if (running == NULL)
		goto out;
	len = start->delivery != NULL
		  ? pack_route(start, spawn->last_id + 1, bytes)
		  : pack(start, spawn->last_id + 1, bytes);
	if (len == 0) {
		errno = E2BIG;
		goto out;
	}
	if (submit(spawn, (struct iovec){bytes, len}, start->input) != 0)
		goto out;
	id = ++spawn->last_id;
	*running =
	    (struct running){spawn->running, id, start->done, start->arg};
	spawn->running = running;
	running = NULL;
out:
	free(running);
	return id;
}

void
spawn_reload(struct spawn *spawn)
{
	struct spawner_head head = {.kind = SPAWNER_RELOAD};

	if (submit(spawn, (struct iovec){&head, sizeof(head)}, -1) != 0)
		log_error("reload_failed", log_str("error", strerror(errno)));
}

void
spawn_kill(struct spawn *spawn, uint64_t id)
{
	struct spawner_head head = {.id = id, .kind = SPAWNER_KILL};

	/* Not sent means no memory or no spawner: it ends at its timeout, or
	 * has ended with the spawner. */
	(void)submit(spawn, (struct iovec){&head, sizeof(head)}, -1);
}

static void
flush(struct spawn *spawn)
{
	while (spawn->first != NULL && !spawn->gone) {
		struct waiting *first = spawn->first;

		if (send_packet(spawn, (struct iovec){first->bytes, first->len},
			first->input) != 0) {
			if (errno != EAGAIN && errno != ENOBUFS)
				spawn->gone = true;
			return;
		}
		drop_first(spawn);
	}
}

/* Forget the program and tell who asked for it. */
static void
report(struct spawn *spawn, size_t len)
{
	struct running **link = &spawn->running, *running;
	struct spawner_end end;
	struct spawn_end told;

	memcpy(&end, spawn->packet, sizeof(end));
	while (*link != NULL && (*link)->id != end.id)
		link = &(*link)->next;
	running = *link;
	if (running == NULL)
		return;
	*link = running->next;
	told = (struct spawn_end){.id = end.id,
	    .status = end.status,
	    .fault = end.fault,
	    .timed_out = end.timed_out != 0,
	    .ms = end.ms,
	    .output = spawn->packet + sizeof(end),
	    .output_len = len - sizeof(end)};
	running->done(running->arg, &told);
	free(running);
}

int
spawn_pump(struct spawn *spawn)
{
	ssize_t n;

	if (spawn->gone)
		return -1;
	flush(spawn);
	while (!spawn->gone) {
		n = recv(spawn->fd, spawn->packet, sizeof(spawn->packet), 0);
		if (n >= (ssize_t)sizeof(struct spawner_end))
			report(spawn, (size_t)n);
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n < 0 && errno == EAGAIN)
			return 0;
		else
			spawn->gone = true;
	}
	log_error("spawner_gone", log_int("pid", spawn->pid));
	return -1;
}
