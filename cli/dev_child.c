#include "dev_child.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "out.h"

enum { CHUNK = 4096, CANNOT_START = 127, LISTENER = 3, POLL_MS = 50 };

/* ---- starting ---- */

/* As sd_listen_fds(3) looks for it. */
static int
announce(int listener)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	/* to itself, dup2() would leave it to be closed */
	if (listener == LISTENER ? fcntl(listener, F_SETFD, 0) == -1
				 : dup2(listener, LISTENER) == -1)
		return -1;
	return setenv("LISTEN_PID", pid, 1) == 0 &&
		       setenv("LISTEN_FDS", "1", 1) == 0
		   ? 0
		   : -1;
}

static _Noreturn void
become(const struct dev_start *start, int out, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* the mask goes last: what we block must not be lost */
	if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 &&
	    getppid() == parent && dup2(null, STDIN_FILENO) != -1 &&
	    dup2(out, STDOUT_FILENO) != -1 && dup2(out, STDERR_FILENO) != -1 &&
	    (start->listener == -1 || announce(start->listener) == 0) &&
	    signal(SIGPIPE, SIG_DFL) != SIG_ERR &&
	    sigprocmask(SIG_SETMASK, start->mask, NULL) == 0)
		execv(start->argv[0], start->argv);
	dprintf(STDERR_FILENO, "%s: %s\n", start->argv[0], strerror(errno));
	_exit(CANNOT_START);
}

int
dev_child_start(
    struct dev_child *child, const char *name, const struct dev_start *start)
{
	pid_t parent = getpid();
	int ends[2];

	child->name = name;
	child->fd = -1;
	if (pipe2(ends, O_CLOEXEC) != 0 ||
	    fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
		goto failed;
	fflush(stdout);
	child->pid = fork();
	if (child->pid == 0)
		become(start, ends[1], parent);
	close(ends[1]);
	child->fd = ends[0];
	if (child->pid > 0)
		return 0;
	child->pid = 0;
failed:
	fprintf(stderr, "gaff dev: %s: %s\n", name, strerror(errno));
	return -1;
}

/* ---- what it prints ---- */

static void
take_line(struct dev_child *child, char *line, dev_line_fn *fn, void *arg)
{
	free(child->last[DEV_LAST_LINES - 1]);
	memmove(child->last + 1, child->last,
	    (DEV_LAST_LINES - 1) * sizeof(child->last[0]));
	child->last[0] = strdup(line);
	if (fn != NULL)
		fn(arg, child, line);
}

/* Hand on the whole lines, and keep what follows them. */
static void
take_lines(struct dev_child *child, dev_line_fn *fn, void *arg)
{
	struct buf *b = &child->partial;
	char *line = b->p, *end = b->p + b->len, *newline;

	while (line < end &&
	       (newline = memchr(line, '\n', (size_t)(end - line))) != NULL) {
		*newline = '\0';
		take_line(child, line, fn, arg);
		line = newline + 1;
	}
	b->len = (size_t)(end - line);
	if (b->len > 0)
		memmove(b->p, line, b->len);
	if (b->len > DEV_LINE_MAX)
		dev_child_flush(child, fn, arg);
}

void
dev_child_flush(struct dev_child *child, dev_line_fn *fn, void *arg)
{
	if (child->partial.len == 0)
		return;
	if (buf_str(&child->partial) != NULL)
		take_line(child, child->partial.p, fn, arg);
	buf_reset(&child->partial);
}

void
dev_child_read(struct dev_child *child, dev_line_fn *fn, void *arg)
{
	ssize_t n = 0;

	while (child->fd != -1 && buf_reserve(&child->partial, CHUNK) == 0 &&
	       (n = read(child->fd, child->partial.p + child->partial.len,
		    CHUNK)) > 0) {
		child->partial.len += (size_t)n;
		take_lines(child, fn, arg);
	}
	if (child->fd == -1 || (n == -1 && errno == EAGAIN))
		return;
	dev_child_flush(child, fn, arg);
	close(child->fd);
	child->fd = -1;
}

/* ---- its end ---- */

bool
dev_child_ended(struct dev_child *child)
{
	if (child->pid == 0 ||
	    waitpid(child->pid, &child->status, WNOHANG) != child->pid)
		return false;
	child->pid = 0;
	return true;
}

void
dev_child_report(const struct dev_child *child)
{
	fflush(stdout);
	if (WIFSIGNALED(child->status))
		fprintf(stderr, "gaff dev: %s was ended by signal %d (%s)",
		    child->name, WTERMSIG(child->status),
		    strsignal(WTERMSIG(child->status)));
	else
		fprintf(stderr, "gaff dev: %s ended with status %d",
		    child->name, WEXITSTATUS(child->status));
	fprintf(stderr, "%s\n", child->last[0] != NULL ? "; it said:" : "");
	for (size_t i = DEV_LAST_LINES; i-- > 0;)
		if (child->last[i] != NULL)
			fprintf(stderr, "  %s\n", child->last[i]);
}

/* Wait until all have ended and their pipes are closed. */
static bool
wait_all(struct dev_child *children, size_t n, int64_t until_ms)
{
	size_t left;

	do {
		left = 0;
		for (size_t i = 0; i < n; i++) {
			struct dev_child *child = &children[i];
			struct pollfd p = {.fd = child->fd, .events = POLLIN};

			(void)dev_child_ended(child);
			if (child->fd == -1 && child->pid == 0)
				continue;
			left++;
			(void)poll(&p, 1, POLL_MS);
			dev_child_read(child, NULL, NULL);
		}
	} while (left > 0 && clock_boot_ms() < until_ms);
	return left == 0;
}

static void
signal_all(struct dev_child *children, size_t n, int number)
{
	for (size_t i = 0; i < n; i++)
		if (children[i].pid > 0)
			kill(children[i].pid, number);
}

void
dev_child_clear(struct dev_child *child)
{
	if (child->fd != -1)
		close(child->fd);
	buf_clear(&child->partial);
	for (size_t i = 0; i < DEV_LAST_LINES; i++)
		free(child->last[i]);
}

void
dev_children_stop(struct dev_child *children, size_t n)
{
	signal_all(children, n, SIGTERM);
	if (!wait_all(children, n, clock_boot_ms() + DEV_STOP_MS)) {
		signal_all(children, n, SIGKILL);
		(void)wait_all(children, n, clock_boot_ms() + DEV_STOP_MS);
	}
	for (size_t i = 0; i < n; i++)
		dev_child_clear(&children[i]);
}
