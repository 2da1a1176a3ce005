#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "front.h"

extern char **environ;

struct front_cgi {
	struct front front;
	size_t left; /* of the body: not every server closes the pipe */
};

static enum front_read
cgi_read(struct front *front, void *p, size_t len, size_t *got)
{
	struct front_cgi *cgi = (struct front_cgi *)(void *)front;

	*got = 0;
	while (*got < len) {
		size_t want = len - *got < cgi->left ? len - *got : cgi->left;
		ssize_t n =
		    want == 0 ? 0 : read(STDIN_FILENO, (char *)p + *got, want);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return FRONT_FAULT;
		if (n == 0)
			return FRONT_END;
		*got += (size_t)n;
		cgi->left -= (size_t)n;
	}
	return FRONT_PART;
}

/* The web server ends a CGI program that takes too long. */
static void
cgi_patience(struct front *front, int ms)
{
	(void)front;
	(void)ms;
}

/* Its variables are the process's own. */
static void
cgi_forget(struct front *front)
{
	(void)front;
}

static void
cgi_answer(struct front *front, const void *p, size_t len)
{
	const char *bytes = p;

	(void)front;
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, bytes, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

static void
cgi_close(struct front *front)
{
	(void)close(STDOUT_FILENO);
	free(front);
}

static const struct front_ops cgi_ops = {
    .read = cgi_read,
    .patience = cgi_patience,
    .forget = cgi_forget,
    .answer = cgi_answer,
    .close = cgi_close,
};

struct front *
front_cgi_open(void)
{
	struct front_cgi *cgi = calloc(1, sizeof *cgi);
	const char *length = getenv("CONTENT_LENGTH");

	if (cgi == NULL)
		return NULL;
	cgi->front.ops = &cgi_ops;
	cgi->front.envp = environ;
	cgi->front.once = true;
	cgi->left = length != NULL ? strtoul(length, NULL, 10) : 0;
	return &cgi->front;
}
