#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

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

static _Noreturn void
give_up(int fault_fd, int error, enum exec_step step)
{
	const struct exec_fault fault = {error, step};

	(void)!write(fault_fd, &fault, sizeof(fault));
	_exit(127);
}

static void
default_signals(void)
{
	sigset_t none;
	int i;

	for (i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 0 to 2, and the pipe as 3, which exec closes. */
static bool
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

static _Noreturn void
child(const struct exec_job *job, int output, int fault_fd)
{
	int error = 0;

	(void)setsid();
	default_signals();
	if (!arrange_files(job, output, &fault_fd))
		give_up(fault_fd, errno, EXEC_PROGRAM);
	if (job->user != NULL && (error = exec_become(job->user)) != 0)
		give_up(fault_fd, error, EXEC_USER);
	if (chdir(job->directory) != 0 && (!job->or_root || chdir("/") != 0))
		give_up(fault_fd, errno, EXEC_DIRECTORY);
	if (strchr(job->program, '/') != NULL)
		(void)execve(job->program, job->argv, job->env);
	else
		(void)execvpe(job->program, job->argv, job->env);
	give_up(fault_fd, errno, EXEC_PROGRAM);
}

/* ---- in the parent ---- */

int
exec_start(const struct exec_job *job, int output, pid_t *pid, int *fault_fd)
{
	int pair[2], error;

	if (pipe2(pair, O_CLOEXEC) != 0)
		return errno;
	*pid = fork();
	if (*pid == 0)
		child(job, output, pair[1]);
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
