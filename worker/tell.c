/* gaff's own events: what has gone wrong is noted, and put with the next
 * batch. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "server_impl.h"

void
tell_note(
    struct server *s, enum own_type type, const char *subject, json_t *facts)
{
	const struct causes_time now = {clock_boot_ms(), clock_wall_ms()};

	if (!s->tell.wanted[type])
		json_decref(facts);
	else if (causes_note(s->tell.causes, type, subject, facts, &now) != 0)
		log_error("own_event_dropped", log_str("subject", subject),
		    log_str("reason", "no memory, or too many causes"));
}

/* ---- dead letters ---- */

void
tell_tasks(struct server *s, const struct task *task)
{
	json_t *facts;

	for (; task != NULL; task = task->next) {
		if (task->kind != TASK_BURIED ||
		    !s->tell.wanted[OWN_DELIVERY_DEAD])
			continue;
		facts = own_dead(task->delivery);
		if (facts != NULL)
			tell_note(s, OWN_DELIVERY_DEAD, task->route, facts);
	}
}

/* ---- gateways ---- */

static void
on_link_down(void *arg, const json_t *hello, int64_t silent_ms)
{
	const char *host = json_string_value(json_object_get(hello, "host"));
	char last[CLOCK_TEXT_SIZE];

	clock_format(clock_wall_ms() - silent_ms, last);
	tell_note(arg, OWN_LINK_DOWN, host != NULL ? host : "",
	    json_pack("{s:O?, s:O?, s:O?, s:O?, s:s}", "gateway",
		json_object_get(hello, "host"), "pid",
		json_object_get(hello, "pid"), "version",
		json_object_get(hello, "version"), "config",
		json_object_get(hello, "config"), "last_at", last));
}

/* ---- the configuration ---- */

void
tell_config(struct server *s, const struct config *old)
{
	enum own_type type;

	for (type = 0; type < OWN__MAX; type++)
		s->tell.wanted[type] = own_is_wanted(s->config, type);
	tell_look_config(s, old);
}

int
tell_open(struct server *s)
{
	if ((s->tell.causes = causes_new()) == NULL ||
	    gethostname(s->tell.host, sizeof(s->tell.host) - 1) != 0)
		return -1;
	links_on_down(s->links, on_link_down, s);
	tell_config(s, NULL);
	return 0;
}

void
tell_close(struct server *s)
{
	causes_free(s->tell.causes);
	free(s->tell.silences);
	free(s->tell.failings);
}

/* ---- telling ---- */

bool
tell_is_due(const struct server *s)
{
	return causes_due_ms(s->tell.causes) <= clock_boot_ms();
}

static enum store_result
put_one(struct server *s, const struct cause *cause)
{
	const struct own_teller teller = {.worker = s->worker->name,
	    .host = s->tell.host,
	    .several = s->config->n_workers > 1};
	int64_t now_ms = clock_wall_ms();
	struct event *event = own_event(cause, &teller, now_ms);
	struct store_put_result put;
	enum store_result result;

	if (event == NULL)
		return STORE_FULL; /* rolled back, tried again */
	result = s->ops->put(s->store, event, now_ms, &put);
	buf_clear(&put.revived);
	event_free(event);
	s->feed.backlog = true;
	return result;
}

enum store_result
tell_put(struct server *s)
{
	struct tell *tell = &s->tell;
	enum store_result result = STORE_OK;
	const struct cause *cause;
	size_t at = 0;

	tell->telling_ms = clock_boot_ms();
	while (result == STORE_OK && (cause = causes_next(tell->causes, &at,
					  tell->telling_ms)) != NULL)
		if (tell->wanted[cause->kind])
			result = put_one(s, cause);
	return result;
}

void
tell_told(struct server *s)
{
	causes_told(s->tell.causes, s->tell.telling_ms);
}
