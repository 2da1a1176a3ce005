#include "confirm.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/buf.h"
#include "../shared/clock.h"
#include "../shared/log.h"
#include "../shared/scheme.h"
#include "fetch.h"

/* One that is not confirmed yet. */
struct one {
	struct one *next;
	char *url;
	char id[EVENT_ID_TEXT_SIZE];
	char source[CONFIG_NAME_MAX + 1];
	unsigned tries;
	bool running;
	int64_t due_ms; /* the next try, when none is running */
};

struct confirm {
	struct fetch *fetch;
	struct tasks *out;
	struct one *first;
	unsigned n;
};

/* ---- one ---- */

static void
count(struct confirm *confirm, const char *source, bool good)
{
	struct task *task = task_new(TASK_CONFIRMED);

	if (task == NULL)
		return;
	(void)memccpy(task->source, source, '\0', sizeof(task->source) - 1);
	task->failed = !good;
	tasks_push(confirm->out, task);
}

static void
given_up(struct confirm *confirm, const char *id, const char *source,
    unsigned tries, const char *why)
{
	count(confirm, source, false);
	log_error("not_confirmed", log_str("id", id), log_str("source", source),
	    log_int("tries", tries), log_str("error", why));
}

static void
drop(struct confirm *confirm, struct one *one)
{
	struct one **link = &confirm->first;

	while (*link != one)
		link = &(*link)->next;
	*link = one->next;
	confirm->n--;
	free(one->url);
	free(one);
}

static struct one *
find(struct confirm *confirm, const char *url)
{
	struct one *one = confirm->first;

	while (one != NULL && strcmp(one->url, url) != 0)
		one = one->next;
	return one;
}

static int64_t
wait_ms(unsigned tries)
{
	int64_t ms = CONFIRM_FIRST_MS;

	while (--tries > 0)
		ms *= 4;
	return ms;
}

/* A try has ended without success. */
static void
failed(struct confirm *confirm, struct one *one, const char *why)
{
	one->running = false;
	if (one->tries < CONFIRM_TRIES) {
		log_warn("confirm_again", log_str("id", one->id),
		    log_str("source", one->source), log_str("error", why),
		    log_int("wait_ms", wait_ms(one->tries)));
		one->due_ms = clock_boot_ms() + wait_ms(one->tries);
		return;
	}
	given_up(confirm, one->id, one->source, one->tries, why);
	drop(confirm, one);
}

static void
done(void *arg, struct fetch_result *result)
{
	struct confirm *confirm = arg;
	struct one *one = find(confirm, result->url);

	if (one == NULL)
		return;
	if (result->error != NULL) {
		failed(confirm, one, result->error);
		return;
	}
	count(confirm, one->source, true);
	log_info("confirmed", log_str("id", one->id),
	    log_str("source", one->source), log_int("tries", one->tries),
	    log_int("ms", result->ms));
	drop(confirm, one);
}

/* ---- from outside ---- */

static int
add(struct confirm *confirm, const char *url, const char *source,
    const char *id)
{
	struct one *one = calloc(1, sizeof(*one));

	if (one == NULL || (one->url = strdup(url)) == NULL) {
		free(one);
		return -1;
	}
	(void)memccpy(one->id, id, '\0', sizeof(one->id));
	(void)memccpy(one->source, source, '\0', sizeof(one->source) - 1);
	one->next = confirm->first;
	confirm->first = one;
	confirm->n++;
	return 0;
}

static enum scheme_confirming
look(const struct config *config, const struct event *event, struct buf *url)
{
	const struct config_source *source =
	    config_source(config, event->source);
	const struct scheme_request request = {
	    .method = event->method,
	    .url = "",
	    .path = event->path,
	    .query = event->query,
	    .content_type = event->content_type,
	    .body = event->body,
	    .body_len = event->body_len,
	};

	if (source == NULL || source->unverified)
		return SCHEME_CONFIRM_NOT;
	return scheme_confirm(source->scheme, event->scheme, &request, url);
}

void
confirm_take(struct confirm *confirm, const struct config *config,
    const struct event *event)
{
	char id[EVENT_ID_TEXT_SIZE];
	struct buf url = {0};
	enum scheme_confirming confirming = look(config, event, &url);
	const char *why = NULL;

	event_id_format(event->id, id);
	if (confirming == SCHEME_CONFIRM_REFUSED)
		why = "not_allowed";
	else if (confirming == SCHEME_CONFIRM_GET && !find(confirm, url.p) &&
		 confirm->n == CONFIRM_MAX)
		why = "too many are under way";
	else if (confirming == SCHEME_CONFIRM_GET && !find(confirm, url.p) &&
		 add(confirm, url.p, event->source, id) != 0)
		why = "no memory";
	if (why != NULL)
		given_up(confirm, id, event->source, 0, why);
	buf_clear(&url);
}

int64_t
confirm_due_ms(const struct confirm *confirm)
{
	int64_t due_ms = INT64_MAX;

	for (const struct one *one = confirm->first; one; one = one->next)
		if (!one->running && one->due_ms < due_ms)
			due_ms = one->due_ms;
	return due_ms;
}

void
confirm_step(struct confirm *confirm, const char *ca_file)
{
	int64_t now_ms = clock_boot_ms();
	struct one *one, *next;

	for (one = confirm->first; one != NULL; one = next) {
		const struct fetch_options options = {.url = one->url,
		    .ca_file = ca_file,
		    .timeout_ms = CONFIRM_TIMEOUT_MS};

		next = one->next;
		if (one->running || one->due_ms > now_ms)
			continue;
		one->tries++;
		one->running = true;
		if (fetch_start(confirm->fetch, &options) != 0)
			failed(confirm, one, "no memory");
	}
}

struct confirm *
confirm_open(CURLM *multi, struct tasks *out)
{
	struct confirm *confirm = calloc(1, sizeof(*confirm));

	if (confirm == NULL) {
		log_error("no_memory", log_str("for", "confirm"));
		return NULL;
	}
	confirm->out = out;
	confirm->fetch = fetch_open(multi, done, confirm);
	if (confirm->fetch != NULL)
		return confirm;
	free(confirm);
	return NULL;
}

void
confirm_close(struct confirm *confirm)
{
	if (confirm == NULL)
		return;
	fetch_close(confirm->fetch);
	while (confirm->first != NULL) {
		const struct one *one = confirm->first;

		given_up(confirm, one->id, one->source, one->tries, "stopping");
		drop(confirm, confirm->first);
	}
	free(confirm);
}
