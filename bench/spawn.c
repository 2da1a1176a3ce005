/*
 * spawn - the bare limit of `run`: start /bin/true and wait for it, for ever
 *
 *	spawn AT_ONCE SECONDS
 *
 * Prints how many ended well a second, as JSON.
 */

#include <sys/wait.h>

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
start(void)
{
	char program[] = "/bin/true";
	char *argv[] = {program, NULL};
	char *environment[] = {NULL};
	pid_t pid;

	if (posix_spawn(&pid, program, NULL, NULL, argv, environment) != 0) {
		perror("spawn");
		exit(1);
	}
}

static void
wait_one(void)
{
	int status;

	if (wait(&status) < 0 || status != 0) {
		fprintf(stderr, "spawn: /bin/true failed\n");
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	long at_once = argc == 3 ? strtol(argv[1], NULL, 10) : 0;
	double seconds = argc == 3 ? strtod(argv[2], NULL) : 0;
	double begin = now_s();
	long n = 0;

	if (at_once < 1 || seconds <= 0) {
		fprintf(stderr, "usage: spawn AT_ONCE SECONDS\n");
		return 2;
	}
	for (long i = 0; i < at_once; i++)
		start();
	for (; now_s() - begin < seconds; n++) {
		wait_one();
		start();
	}
	printf("{\"value\": %.1f}\n", (double)n / (now_s() - begin));
	for (long i = 0; i < at_once; i++)
		wait_one();
	return 0;
}
