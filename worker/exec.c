#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	/* execvpe() puts all arguments of a script without #! on the stack. */
	STACK_SIZE = 1024 * 1024,
};

/* A child that becomes another program leaves its part of our memory as it is:
 * marks that AddressSanitizer sets there would be there for the next one. */
#define LEAVES_STACK __attribute__((no_sanitize("address")))

/* ---- whom ---- */

/* Whether we are that user, in all three ways, and cannot go back. */
static bool
is_user(const struct exec_user *user)
{
	uid_t u[3];
	gid_t g[3];

	return getresuid(&u[0], &u[1], &u[2]) == 0 &&
	       getresgid(&g[0], &g[1], &g[2]) == 0 && u[0] == user->uid &&
	       u[1] == user->uid && u[2] == user->uid && g[0] == user->gid &&
	       g[1] == user->gid && g[2] == user->gid &&
	       getgroups(0, NULL) == (int)user->n_groups && setuid(0) != 0;
}

int
exec_become(const struct exec_user *user)
{
	if (user->uid == 0)
		return EPERM;
	if (setgroups(user->n_groups, user->groups) != 0 ||
	    setresgid(user->gid, user->gid, user->gid) != 0 ||
	    setresuid(user->uid, user->uid, user->uid) != 0)
		return errno;
	return is_user(user) ? 0 : EPERM;
}

/* ---- in the child ---- */

/* A directory or a program on a file system that does not answer must not hold
 * up the spawner.  The timer is gone with exec. */
LEAVES_STACK static int
limit_time(void)
{
	struct sigevent event = {
	    .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	const struct itimerspec after = {.it_value = {EXEC_START_MS / 1000,
					     EXEC_START_MS % 1000 * 1000000L}};
	timer_t timer;

	return timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 &&
		       timer_settime(timer, 0, &after, NULL) == 0
		   ? 0
		   : -1;
}

/* 0 to 2, and the pipe as 3, which exec closes. */
LEAVES_STACK static bool
arrange_files(const struct exec_job *job, int output, int *fault_fd)
{
	if (dup2(job->input, 0) < 0 || dup2(output, 1) < 0 ||
	    dup2(output, 2) < 0)
		return false;
	if (*fault_fd != 3 && dup3(*fault_fd, 3, O_CLOEXEC) < 0)
		return false;
	*fault_fd = 3;
	return close_range(4, ~0U, 0) == 0;
}

/* What the child knows; in our memory, which it may share. */
struct birth {
	const struct exec_job *job;
	int output;
	int fault_fd;
	bool copy;
};

/* Returns only when a step failed.  Nothing here changes memory but that of its
 * own stack, and errno. */
LEAVES_STACK static struct exec_fault
become(const struct birth *birth, int *fault_fd)
{
	const struct exec_job *job = birth->job;
	int error;
	sigset_t none;

	(void)setsid();
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (!arrange_files(job, birth->output, fault_fd) ||
	    (!birth->copy && limit_time() != 0))
		return (struct exec_fault){errno, EXEC_PROGRAM};
	if (job->user != NULL && (error = exec_become(job->user)) != 0)
		return (struct exec_fault){error, EXEC_USER};
	if (chdir(job->directory) != 0 && (!job->or_root || chdir("/") != 0))
		return (struct exec_fault){errno, EXEC_DIRECTORY};
	if (strchr(job->program, '/') != NULL)
		(void)execve(job->program, job->argv, job->env);
	else
		(void)execvpe(job->program, job->argv, job->env);
	return (struct exec_fault){errno, EXEC_PROGRAM};
}

/* The exit status. */
LEAVES_STACK static int
child(void *arg)
{
	const struct birth *birth = arg;
	int fault_fd = birth->fault_fd;
	const struct exec_fault fault = become(birth, &fault_fd);

	(void)!write(fault_fd, &fault, sizeof(fault));
	return 127;
}

/* ---- in the parent ---- */

static pid_t
give_birth(struct birth *birth)
{
	static alignas(16) char stack[STACK_SIZE];
	pid_t pid;

	if (!birth->copy)
		return clone(child, stack + sizeof(stack),
		    CLONE_VM | CLONE_VFORK | SIGCHLD, birth);
	if ((pid = fork()) == 0)
		_exit(child(birth));
	return pid;
}

int
exec_start(const struct exec_job *job, int output, pid_t *pid, int *fault_fd)
{
	struct birth birth = {.job = job,
	    .output = output,
	    .copy = job->copy || job->user != NULL};
	int pair[2], error;

	if (pipe2(pair, O_CLOEXEC) != 0)
		return errno;
	birth.fault_fd = pair[1];
	*pid = give_birth(&birth);
	error = *pid < 0 ? errno : 0;
	(void)close(pair[1]);
	if (error != 0)
		(void)close(pair[0]);
	else
		*fault_fd = pair[0];
	return error;
}

struct exec_fault
exec_fault(int fault_fd)
{
	struct exec_fault fault;

	/* Nothing of it is open any more: this does not wait. */
	if (read(fault_fd, &fault, sizeof(fault)) != sizeof(fault))
		fault = (struct exec_fault){0};
	return fault;
}
