#include "spawner.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/buf.h"
#include "../shared/clock.h"
#include "../shared/log.h"

enum {
	NICENESS = 5,
	REQUESTS_PER_TURN = 16,
	/* Reads of one pipe before others get their turn. */
	READS_PER_TURN = 16,
	FIXED_POLLS = 2, /* the socket and the signals */
	/* After a start that took so long children are copies for a while, so
	 * that nobody waits for the next one. */
	SLOW_START_MS = 500,
	COPIES_MS = 60000,
};

/* A running program. */
struct child {
	struct child *next;
	pid_t pid;
	int pipe; /* its output, or -1 */
	int fault_fd;
	uint64_t id;
	int64_t started_ms; /* boot clock, like the next two */
	int64_t term_ms; /* when to send SIGTERM; INT64_MAX: sent, or never */
	int64_t kill_ms; /* when to send SIGKILL */
	bool timed_out;
	bool ended_start; /* it took EXEC_START_MS */
	struct buf output;
};

/* An END the socket did not take yet. */
struct report {
	struct report *next;
	struct spawner_end end;
	struct buf output;
};

struct spawner {
	const struct spawner_rules *rules;
	int fd;
	int signals;
	struct child *children;
	size_t n_children;
	struct report *first;
	struct report **last;
	struct pollfd *polls;
	size_t polls_size;
	int64_t copies_ms; /* boot clock: until then children are copies */
	char request[SPAWNER_REQUEST_MAX];
};

/* A child that has no group yet has no children either. */
static void
signal_group(const struct child *child, int number)
{
	if (kill(-child->pid, number) != 0 && errno == ESRCH)
		(void)kill(child->pid, number);
}

/* The worker is gone: so is everything it asked for. */
static _Noreturn void
end_all(const struct spawner *spawner)
{
	const struct child *child;

	for (child = spawner->children; child != NULL; child = child->next)
		signal_group(child, SIGKILL);
	_exit(0);
}

/* ---- reports ---- */

static int
send_end(const struct spawner *spawner, struct spawner_end *end,
    const struct buf *output)
{
	struct iovec iov[2] = {{end, sizeof(*end)}, {output->p, output->len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	if (sendmsg(spawner->fd, &msg, MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
		end_all(spawner);
	return -1;
}

/* Takes the output.  Without memory to keep the report the worker could never
 * free the slot: give up as a whole, which it notices. */
static void
report(struct spawner *spawner, struct spawner_end *end, struct buf *output)
{
	struct report *kept;

	if (spawner->first == NULL && send_end(spawner, end, output) == 0) {
		buf_clear(output);
		return;
	}
	kept = malloc(sizeof(*kept));
	if (kept == NULL)
		end_all(spawner);
	*kept = (struct report){NULL, *end, *output};
	*spawner->last = kept;
	spawner->last = &kept->next;
}

static void
flush(struct spawner *spawner)
{
	struct report *first;

	while ((first = spawner->first) != NULL &&
	       send_end(spawner, &first->end, &first->output) == 0) {
		spawner->first = first->next;
		if (spawner->first == NULL)
			spawner->last = &spawner->first;
		buf_clear(&first->output);
		free(first);
	}
}

/* ---- starting ---- */

/* From memory that is ours or a copy of it.  0 or an errno. */
static int
begin(struct spawner *spawner, struct exec_job *job, int output,
    struct child *child)
{
	int64_t took_ms;
	int error;

	job->copy = child->started_ms < spawner->copies_ms;
	error = exec_start(job, output, &child->pid, &child->fault_fd);
	took_ms = clock_boot_ms() - child->started_ms;
	child->ended_start = !job->copy && took_ms >= EXEC_START_MS;
	if (took_ms >= SLOW_START_MS)
		spawner->copies_ms = child->started_ms + took_ms + COPIES_MS;
	return error;
}

/* Start it and remember it.  0 or an errno. */
static int
start(struct spawner *spawner, uint64_t id, struct exec_job *job)
{
	struct child *child = calloc(1, sizeof(*child));
	int pair[2] = {-1, -1}, error = 0;
	int64_t now = clock_boot_ms();

	if (child == NULL)
		return ENOMEM;
	child->started_ms = now;
	if (pipe2(pair, O_CLOEXEC) != 0 ||
	    fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0)
		error = errno;
	else
		error = begin(spawner, job, pair[1], child);
	if (error != 0)
		goto out;
	child->id = id;
	child->kill_ms = INT64_MAX;
	child->term_ms =
	    job->timeout_ms > 0 ? now + job->timeout_ms : INT64_MAX;
	child->pipe = pair[0];
	pair[0] = -1;
	child->next = spawner->children;
	spawner->children = child;
	spawner->n_children++;
	child = NULL;
out:
	if (pair[0] >= 0)
		close(pair[0]);
	if (pair[1] >= 0)
		close(pair[1]);
	free(child);
	return error;
}

static void
take_start(
    struct spawner *spawner, uint64_t id, const struct spawner_packet *packet)
{
	const struct spawner_rules *rules = spawner->rules;
	struct exec_job job = {.input = -1};
	struct spawner_end end = {.id = id};
	struct buf none = {0};

	end.fault = rules->prepare(rules->arg, packet, &job);
	if (end.fault.error == 0)
		end.fault.error = start(spawner, id, &job);
	rules->release(&job);
	if (end.fault.error != 0)
		report(spawner, &end, &none);
}

/* ---- requests ---- */

static void
soft_kill(struct child *child, int64_t now)
{
	if (child->kill_ms != INT64_MAX)
		return;
	child->term_ms = INT64_MAX;
	child->kill_ms = now + SPAWN_GRACE_MS;
	signal_group(child, SIGTERM);
	signal_group(child, SIGCONT);
}

static void
kill_id(const struct spawner *spawner, uint64_t id)
{
	struct child *child;

	for (child = spawner->children; child != NULL; child = child->next)
		if (child->id == id)
			soft_kill(child, clock_boot_ms());
}

/* The descriptor that came with a packet, or -1.  There is room for one: more
 * are never taken in. */
static int
received_fd(struct msghdr *msg)
{
	struct cmsghdr *rights = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (rights != NULL && rights->cmsg_level == SOL_SOCKET &&
	    rights->cmsg_type == SCM_RIGHTS &&
	    rights->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(rights), sizeof(int));
	return fd;
}

/* Read and do one request; false when there is none. */
static bool
take_request(struct spawner *spawner)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {spawner->request, sizeof(spawner->request)};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = CMSG_LEN(sizeof(int))};
	struct spawner_packet packet;
	struct spawner_head head;
	ssize_t n = recvmsg(spawner->fd, &msg, MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < (ssize_t)sizeof(head))
		end_all(spawner);
	memcpy(&head, spawner->request, sizeof(head));
	packet = (struct spawner_packet){.p = spawner->request + sizeof(head),
	    .len = (size_t)n - sizeof(head),
	    .input = received_fd(&msg)};
	if (head.kind == SPAWNER_START)
		take_start(spawner, head.id, &packet);
	else if (head.kind == SPAWNER_KILL)
		kill_id(spawner, head.id);
	else
		spawner->rules->reload(spawner->rules->arg);
	if (packet.input >= 0)
		close(packet.input);
	return true;
}

/* ---- running programs ---- */

/* Keep the beginning of the output, drop the rest: the program never waits. */
static void
read_output(struct child *child)
{
	char bytes[16384];
	size_t room;
	ssize_t n;

	for (int i = 0; i < READS_PER_TURN && child->pipe >= 0; i++) {
		n = read(child->pipe, bytes, sizeof(bytes));
		if (n < 0)
			return;
		if (n == 0) {
			close(child->pipe);
			child->pipe = -1;
			return;
		}
		room = SPAWN_OUTPUT_MAX - child->output.len;
		(void)buf_add(
		    &child->output, bytes, (size_t)n < room ? (size_t)n : room);
	}
}

/* The program of *link has ended and is reaped: report and forget it. */
static void
finish(struct spawner *spawner, struct child **link, int status)
{
	struct child *child = *link;
	struct spawner_end end = {.id = child->id,
	    .status = status,
	    .fault = exec_fault(child->fault_fd)};

	if (child->ended_start && WIFSIGNALED(status) &&
	    WTERMSIG(status) == SIGALRM)
		end.fault = (struct exec_fault){ETIMEDOUT, EXEC_PROGRAM};
	read_output(child);
	if (child->pipe >= 0)
		close(child->pipe);
	close(child->fault_fd);
	end.ms = clock_boot_ms() - child->started_ms;
	end.timed_out = child->timed_out;
	report(spawner, &end, &child->output);
	*link = child->next;
	spawner->n_children--;
	free(child);
}

/* Reap what has ended.  The group is killed first: until then the program's
 * zombie keeps the number from being given to others. */
static void
reap(struct spawner *spawner)
{
	struct child **link;
	siginfo_t info;
	int status;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
		    info.si_pid == 0)
			return;
		link = &spawner->children;
		while (*link != NULL && (*link)->pid != info.si_pid)
			link = &(*link)->next;
		if (*link != NULL)
			(void)kill(-info.si_pid, SIGKILL);
		if (waitpid(info.si_pid, &status, 0) == info.si_pid &&
		    *link != NULL)
			finish(spawner, link, status);
	}
}

/* Signals that are due; returns how long poll() may sleep, -1: for ever. */
static int
expire(const struct spawner *spawner)
{
	int64_t now = clock_boot_ms(), next = INT64_MAX;
	struct child *child;

	for (child = spawner->children; child != NULL; child = child->next) {
		if (child->term_ms <= now) {
			child->timed_out = true;
			soft_kill(child, now);
		}
		if (child->kill_ms <= now) {
			signal_group(child, SIGKILL);
			child->kill_ms = now + SPAWN_GRACE_MS;
		}
		next = child->term_ms < next ? child->term_ms : next;
		next = child->kill_ms < next ? child->kill_ms : next;
	}
	if (next == INT64_MAX)
		return -1;
	return next - now < 60000 ? (int)(next - now) : 60000;
}

/* Fill in what to wait for; the number of entries. */
static size_t
prepare_polls(struct spawner *spawner)
{
	size_t n = FIXED_POLLS;
	struct child *child;

	if (FIXED_POLLS + spawner->n_children > spawner->polls_size) {
		size_t size = FIXED_POLLS + 2 * spawner->n_children;
		struct pollfd *polls =
		    reallocarray(spawner->polls, size, sizeof(*polls));

		if (polls == NULL)
			end_all(spawner);
		spawner->polls = polls;
		spawner->polls_size = size;
	}
	spawner->polls[0] = (struct pollfd){.fd = spawner->fd,
	    .events = spawner->first != NULL ? POLLIN | POLLOUT : POLLIN};
	spawner->polls[1] =
	    (struct pollfd){.fd = spawner->signals, .events = POLLIN};
	for (child = spawner->children; child != NULL; child = child->next)
		spawner->polls[n++] =
		    (struct pollfd){.fd = child->pipe, .events = POLLIN};
	return n;
}

static _Noreturn void
run(struct spawner *spawner)
{
	struct signalfd_siginfo info;
	struct child *child;
	size_t n;

	for (;;) {
		n = prepare_polls(spawner);
		if (poll(spawner->polls, (nfds_t)n, expire(spawner)) < 0 &&
		    errno != EINTR)
			end_all(spawner);
		for (child = spawner->children; child != NULL;
		     child = child->next)
			read_output(child);
		while (read(spawner->signals, &info, sizeof(info)) > 0)
			;
		reap(spawner);
		flush(spawner);
		for (int i = 0; i < REQUESTS_PER_TURN; i++)
			if (!take_request(spawner))
				break;
	}
}

/* ---- the beginning ---- */

/* Signals meant for the worker (a terminal's ^C, a supervisor's TERM to all)
 * must not end the one that ends the handlers.  They are blocked, not ignored:
 * one for a child that is not yet itself waits until it is.  SIGCHLD comes by
 * descriptor. */
static int
prepare_signals(void)
{
	static const int blocked[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1,
	    SIGUSR2, SIGPIPE, SIGCHLD};
	sigset_t set, child;

	/* Programs begin with what is not handled here. */
	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
		sigaddset(&set, blocked[i]);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Keep only `fd`, as 3, and the standard descriptors; the first of them, and
 * any that is missing, becomes /dev/null.  0 or -1. */
static int
prepare_files(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, 4), null;

	if (moved < 0 || dup3(moved, 3, O_CLOEXEC) < 0 ||
	    close_range(4, ~0U, 0) != 0)
		return -1;
	do {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (null >= 0 && null <= 2);
	if (null < 0 || dup2(null, 0) < 0)
		return -1;
	close(null);
	return 0;
}

_Noreturn void
spawner_main(int fd, const struct spawner_rules *rules)
{
	struct spawner *spawner = calloc(1, sizeof(*spawner));
	struct spawner_end ready = {.id = 0};
	struct buf none = {0};

	if (spawner == NULL || prepare_files(fd) != 0)
		_exit(1);
	spawner->rules = rules;
	spawner->last = &spawner->first;
	spawner->fd = 3;
	spawner->signals = prepare_signals();
	/* Its memory holds what the worker had read before. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_NAME, rules->name);
	/* Orphans of handlers come here, not to a worker that is process 1. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)setpriority(PRIO_PROCESS, 0, NICENESS);
	umask(022);
	if (spawner->signals < 0 || fcntl(3, F_SETFL, O_NONBLOCK) != 0 ||
	    clearenv() != 0 || setenv("PATH", SPAWN_PATH, 1) != 0 ||
	    chdir("/") != 0)
		_exit(1);
	if (rules->begin(rules->arg) != 0)
		_exit(1);
	report(spawner, &ready, &none);
	run(spawner);
}
