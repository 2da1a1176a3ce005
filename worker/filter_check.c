#include "filter_check.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "filter_jq.h"
#include "filter_limits.h"

/* In the child: compile, write the message, end. */
static _Noreturn void
check_here(const char *text, int fd)
{
	const struct rlimit cpu = {FILTER_CHECK_CPU_S, FILTER_CHECK_CPU_S};
	char error[FILTER_ERROR_SIZE] = "";
	struct filter_jq *filter;
	size_t len;

	if (filter_limits(fd) != 0 || setrlimit(RLIMIT_CPU, &cpu) != 0)
		_exit(1);
	filter = filter_jq_new(text, error);
	if (filter != NULL)
		_exit(0);
	len = strlen(error);
	_exit(write(0, error, len) == (ssize_t)len ? 2 : 1);
}

static int
wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

int
filter_check(const char *text, char error[FILTER_ERROR_SIZE])
{
	int pipes[2], status;
	ssize_t n;
	pid_t pid;

	snprintf(error, FILTER_ERROR_SIZE, "cannot be checked");
	if (pipe2(pipes, O_CLOEXEC) != 0)
		return -1;
	pid = fork();
	if (pid == 0)
		check_here(text, pipes[1]);
	close(pipes[1]);
	if (pid < 0) {
		close(pipes[0]);
		return -1;
	}
	n = read(pipes[0], error, FILTER_ERROR_SIZE - 1);
	close(pipes[0]);
	status = wait_for(pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (n > 0)
		error[n] = '\0';
	else
		snprintf(error, FILTER_ERROR_SIZE,
		    "compiling it takes too much time or memory");
	return -1;
}
