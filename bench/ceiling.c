/*
 * ceiling - the least a FastCGI program can do: read the body, answer 200
 *
 *	ceiling SOCKET THREADS
 *
 * What libfcgi behind a web server reaches on this machine; nothing that
 * verifies, stores or waits can be faster.
 */

#include <sys/stat.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <fcgiapp.h>

enum { BODY_MAX = 65536, THREADS_MAX = 256 };

static int listener;

static const char answer[] =
    "Content-Type: application/json\r\nContent-Length: 21\r\n\r\n"
    "{\"status\":\"accepted\"}";

static void *
serve(void *arg)
{
	char *body = malloc(BODY_MAX);
	FCGX_Request request;

	if (body == NULL || FCGX_InitRequest(&request, listener, 0) != 0)
		exit(1);
	while (FCGX_Accept_r(&request) == 0) {
		while (FCGX_GetStr(body, BODY_MAX, request.in) == BODY_MAX)
			;
		FCGX_PutStr(answer, sizeof(answer) - 1, request.out);
		FCGX_Finish_r(&request);
	}
	free(body);
	return arg;
}

static void
end(int number)
{
	(void)number;
	_exit(0);
}

int
main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	long n = argc == 3 ? strtol(argv[2], NULL, 10) : 0;

	if (n < 1 || n > THREADS_MAX) {
		fprintf(stderr, "usage: ceiling SOCKET THREADS\n");
		return 2;
	}
	/* libfcgi catches SIGTERM, and its threads would stay in accept */
	FCGX_Init();
	signal(SIGTERM, end);
	umask(0);
	listener = FCGX_OpenSocket(argv[1], 1024);
	if (listener < 0)
		return 1;
	for (long i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, serve, NULL) != 0)
			return 1;
	for (long i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
