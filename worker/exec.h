/*
 * exec - from a job to a running process
 *
 * The child makes itself what the job says, step by step, and becomes the
 * program; when a step fails it says which one in a pipe and exits, and
 * exec_fault() reads it once the child has ended.
 *
 * A child uses our own memory until it is the program, which takes half the
 * time of a copy; exec_start() stands still meanwhile, for EXEC_START_MS at
 * most.  One that is a `copy` is on its own from the beginning: for jobs that
 * change the user (whoever that is could stop it), and where starting is slow.
 */

#ifndef WORKER_EXEC_H
#define WORKER_EXEC_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* A child that shares our memory is ended by SIGALRM then. */
	EXEC_START_MS = 1000,
};

/* The step that failed. */
enum exec_step {
	EXEC_PROGRAM,
	EXEC_DIRECTORY,
	EXEC_USER,
	EXEC_REFUSED, /* gaff-run's own: the error is an enum run_refusal */
};

/* Whom a program runs as. */
struct exec_user {
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t n_groups;
};

struct exec_job {
	const char *program; /* without a slash it is looked for in PATH */
	const char *directory;
	bool or_root; /* / will do where the directory cannot be entered */
	char **argv;
	char **env;
	const struct exec_user *user; /* NULL: nothing changes */
	bool copy;                    /* with a user: always */
	int64_t timeout_ms;           /* 0: none; for the caller */
	int input;
};

struct exec_fault {
	int error; /* 0: it was started */
	enum exec_step step;
};

/* Become that user, for good: the group, the groups, then the user, and see
 * that there is no way back.  0 or an errno; EPERM for root. */
int exec_become(const struct exec_user *user);

/*
 * Start the job in a session of its own, with no signal blocked, `output` as
 * standard output and error and nothing else open.  The user is taken on before
 * the directory and the program are touched.  0, or an errno and nothing was
 * started.  *fault_fd is the caller's, for exec_fault().  The caller has one
 * thread and handles no signal; those it ignores the program would ignore too.
 */
int
exec_start(const struct exec_job *job, int output, pid_t *pid, int *fault_fd);

/* What went wrong before the program ran.  The child has ended. */
struct exec_fault exec_fault(int fault_fd);

#endif
