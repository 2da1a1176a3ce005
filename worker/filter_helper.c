#include "filter_helper.h"

#include <sys/prctl.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter_jq.h"
#include "filter_limits.h"

/* A compiled filter, or why it does not compile. */
struct cached {
	struct cached *next;
	struct filter_jq *filter; /* NULL: `error` */
	char error[FILTER_ERROR_SIZE];
	char text[];
};

struct cache {
	struct cached *first;
	unsigned n;
};

/* False at the end of file. */
static bool
read_all(void *to, size_t len)
{
	char *p = to;
	ssize_t n;

	while (len > 0) {
		n = read(0, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
answer(enum filter_verdict verdict, const char *error)
{
	struct filter_answer answer = {.pid = getpid(), .verdict = verdict};
	const char *p = (const char *)&answer;
	size_t left = sizeof(answer);
	ssize_t n;

	if (verdict == FILTER_ERROR)
		snprintf(answer.error, sizeof(answer.error), "%s", error);
	while (left > 0) {
		n = write(0, p, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		left -= (size_t)n;
	}
	return true;
}

/* The next text of a question, or NULL. */
static const char *
next_text(const char **p, const char *end, uint32_t *len)
{
	const char *text;

	if ((size_t)(end - *p) < sizeof(*len))
		return NULL;
	memcpy(len, *p, sizeof(*len));
	text = *p + sizeof(*len);
	if (*len >= (size_t)(end - text) || text[*len] != '\0')
		return NULL;
	*p = text + *len + 1;
	return text;
}

static int
read_facts(const char **p, const char *end, struct filter_facts *facts)
{
	const char **const members[FILTER_FACTS] = {&facts->source,
	    &facts->type, &facts->key, &facts->id, &facts->headers,
	    &facts->query, &facts->content_type, &facts->body};
	uint32_t len = 0;

	for (int i = 0; i < FILTER_FACTS; i++)
		if ((*members[i] = next_text(p, end, &len)) == NULL)
			return -1;
	facts->body_len = len;
	return 0;
}

static void
cache_clear(struct cache *cache)
{
	struct cached *first;

	while ((first = cache->first) != NULL) {
		cache->first = first->next;
		filter_jq_free(first->filter);
		free(first);
	}
	cache->n = 0;
}

/* Compile a filter once; NULL without memory. */
static struct cached *
cache_get(struct cache *cache, const char *text)
{
	struct cached *cached;
	size_t size = strlen(text) + 1;

	for (cached = cache->first; cached != NULL; cached = cached->next)
		if (strcmp(cached->text, text) == 0)
			return cached;
	if (cache->n == FILTER_CACHE_MAX)
		cache_clear(cache);
	cached = calloc(1, sizeof(*cached) + size);
	if (cached == NULL)
		return NULL;
	memcpy(cached->text, text, size);
	cached->filter = filter_jq_new(text, cached->error);
	cached->next = cache->first;
	cache->first = cached;
	cache->n++;
	return cached;
}

/* One filter's answer; false when the worker is gone or memory is. */
static bool
answer_filter(
    struct cache *cache, const char *text, jv input, const char *input_error)
{
	char error[FILTER_ERROR_SIZE];
	struct cached *cached;

	if (!jv_is_valid(input))
		return answer(FILTER_ERROR, input_error);
	cached = cache_get(cache, text);
	if (cached == NULL)
		return false;
	if (cached->filter == NULL)
		return answer(FILTER_ERROR, cached->error);
	error[0] = '\0';
	return answer(filter_jq_run(cached->filter, input, error), error);
}

/* `bytes` are what follows the head. */
static bool
answer_question(
    struct cache *cache, const char *bytes, size_t len, uint32_t n_filters)
{
	const char *p = bytes, *end = bytes + len, *text;
	char error[FILTER_ERROR_SIZE] = "";
	struct filter_facts facts;
	uint32_t text_len;
	bool good;
	jv input;

	if (read_facts(&p, end, &facts) != 0)
		return false;
	input = filter_jq_input(&facts, error);
	good = answer(FILTER_NO, "");
	for (; good && n_filters > 0; n_filters--) {
		text = next_text(&p, end, &text_len);
		good = text != NULL && answer_filter(cache, text, input, error);
	}
	jv_free(input);
	return good;
}

int
filter_helper_main(void)
{
	struct filter_question head;
	struct cache cache = {0};
	char *bytes;
	bool good;
	size_t len;

	/* A filter that loops does not see the end of file. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (filter_limits(0) != 0)
		return 1;
	good = answer(FILTER_NO, "");
	while (good && read_all(&head, sizeof(head))) {
		if (head.size < sizeof(head) || head.size > FILTER_QUESTION_MAX)
			break;
		len = head.size - sizeof(head);
		bytes = malloc(len + 1);
		good = bytes != NULL && read_all(bytes, len) &&
		       answer_question(&cache, bytes, len, head.n_filters);
		free(bytes);
	}
	cache_clear(&cache);
	return 0;
}
