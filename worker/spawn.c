#include "spawn.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/log.h"
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
};

struct spawn *
spawn_open(void)
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
	if (spawn->pid == 0)
		spawner_main(pair[1]);
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
	struct spawner_request request = {
	    .kind = SPAWNER_START, .id = id, .timeout_ms = start->timeout_ms};
	char *p = bytes + sizeof(request), *end = bytes + SPAWNER_REQUEST_MAX;
	bool fits;

	fits = put_text(&p, end,
		   start->program != NULL ? start->program : start->argv[0]) &&
	       put_text(&p, end, start->directory);
	for (; fits && start->argv[request.n_argv] != NULL; request.n_argv++)
		fits = put_text(&p, end, start->argv[request.n_argv]);
	for (; fits && start->env[request.n_env] != NULL; request.n_env++)
		fits = put_text(&p, end, start->env[request.n_env]);
	memcpy(bytes, &request, sizeof(request));
	return fits ? (size_t)(p - bytes) : 0;
}

uint64_t
spawn_start(struct spawn *spawn, const struct spawn_start *start)
{
	struct running *running = malloc(sizeof(*running));
	char *bytes = malloc(SPAWNER_REQUEST_MAX);
	uint64_t id = 0;
	size_t len;

	if (running == NULL || bytes == NULL)
		goto out;
	len = pack(start, spawn->last_id + 1, bytes);
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
	free(bytes);
	free(running);
	return id;
}

void
spawn_kill(struct spawn *spawn, uint64_t id)
{
	struct spawner_request request = {.kind = SPAWNER_KILL, .id = id};

	/* Not sent means no memory or no spawner: it ends at its timeout, or
	 * has ended with the spawner. */
	(void)submit(spawn, (struct iovec){&request, sizeof(request)}, -1);
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
	    .error = end.error,
	    .bad_directory = end.bad_directory != 0,
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
