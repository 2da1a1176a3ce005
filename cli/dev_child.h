/*
 * dev_child - a program that `gaff dev` runs, and what it prints
 *
 * Standard output and error of a program come through one pipe, line by line;
 * so does what a handler prints, through a FIFO that is nobody's (pid 0). It
 * has a process group of its own, so that Ctrl-C reaches it by us alone; it
 * gets SIGTERM when we die.
 */

#ifndef CLI_DEV_CHILD_H
#define CLI_DEV_CHILD_H

#include <sys/types.h>

#include <stdbool.h>

#include "../shared/buf.h"

enum { DEV_LAST_LINES = 5, DEV_LINE_MAX = 65536 };

struct dev_child {
	const char *name; /* for people */
	pid_t pid;        /* 0: not started, or waited for */
	int fd;           /* of the pipe, non-blocking; -1 at its end */
	int status;       /* of waitpid(), once it has ended */
	struct buf partial;
	char *last[DEV_LAST_LINES]; /* newest first; NULL: none */
};

/* Without the newline; `line` is the callee's to change. */
typedef void dev_line_fn(void *arg, struct dev_child *child, char *line);

/*
 * Start argv[0].  `listener` (or -1) becomes its descriptor 3, announced as
 * systemd does.  The signal mask `mask` is given to it.  0, or -1 after a
 * sentence.
 */
struct dev_start {
	char *const *argv;
	int listener;
	const void *mask; /* sigset_t */
};

int dev_child_start(
    struct dev_child *child, const char *name, const struct dev_start *start);

/* Read what is there; `fn` gets each line, and one that has no end yet once it
 * is DEV_LINE_MAX long, or by dev_child_flush(). */
void dev_child_read(struct dev_child *child, dev_line_fn *fn, void *arg);
void dev_child_flush(struct dev_child *child, dev_line_fn *fn, void *arg);
/* Whether it has ended; then `status` says how. */
bool dev_child_ended(struct dev_child *child);
/* Say that and how it ended, with its last lines, on standard error. */
void dev_child_report(const struct dev_child *child);

/* Close and release. */
void dev_child_clear(struct dev_child *child);

/* End them all in order: SIGTERM, and SIGKILL after DEV_STOP_MS.  Returns when
 * they, and whoever has their pipes, are gone; they are cleared. */
enum { DEV_STOP_MS = 10000 };

void dev_children_stop(struct dev_child *children, size_t n);

#endif
