/* The worker's own spawner: starts what it is told to, as who it is. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spawner.h"

static int
begin(void *arg)
{
	(void)arg;
	return 0;
}

/* The next NUL-terminated text, or NULL. */
static char *
next_text(char **p, const char *end)
{
	char *text = *p, *nul = memchr(text, '\0', (size_t)(end - text));

	if (nul == NULL)
		return NULL;
	*p = nul + 1;
	return text;
}

/* 0 or an errno. */
static int
unpack(const struct spawner_packet *packet, struct exec_job *job)
{
	struct spawner_start start;
	char *p = packet->p + sizeof(start), **list;
	const char *end = packet->p + packet->len;
	size_t n;

	if (packet->len < sizeof(start))
		return EINVAL;
	memcpy(&start, packet->p, sizeof(start));
	job->timeout_ms = start.timeout_ms;
	job->program = next_text(&p, end);
	job->directory = job->program != NULL ? next_text(&p, end) : NULL;
	n = (size_t)start.n_argv + start.n_env + 2;
	if (job->directory == NULL || n > packet->len)
		return EINVAL;
	if ((list = calloc(n, sizeof(*list))) == NULL)
		return ENOMEM;
	job->argv = list;
	job->env = list + start.n_argv + 1;
	for (size_t i = 0; i < n - 1; i++)
		if (i != start.n_argv && (list[i] = next_text(&p, end)) == NULL)
			return EINVAL;
	return 0;
}

static struct exec_fault
prepare(void *arg, const struct spawner_packet *packet, struct exec_job *job)
{
	(void)arg;
	job->input = packet->input;
	return (struct exec_fault){
	    packet->input < 0 ? EBADF : unpack(packet, job), EXEC_PROGRAM};
}

/* argv and env are one list. */
static void
release(struct exec_job *job)
{
	free(job->argv);
}

static void
reload(void *arg)
{
	(void)arg;
}

const struct spawner_rules spawner_plain = {
    .name = "gaff-spawner",
    .begin = begin,
    .prepare = prepare,
    .release = release,
    .reload = reload,
};
