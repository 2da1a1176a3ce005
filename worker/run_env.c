#include "run_env.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "spawn.h"

/* NAME=value texts, each with its NUL. */
struct list {
	const struct config_route *route;
	struct buf text;
	size_t n;
};

/* Whether the route's own variables have this name. */
static bool
is_replaced(const struct config_route *route, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < route->env.n; i++)
		if (strncmp(route->env.items[i], name, len) == 0 &&
		    route->env.items[i][len] == '=')
			return true;
	return false;
}

static void
add(struct list *list, const char *name, const char *value)
{
	if (is_replaced(list->route, name))
		return;
	buf_printf(&list->text, "%s=%s", name, value);
	buf_add_char(&list->text, '\0');
	list->n++;
}

static void
add_number(struct list *list, const char *name, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%" PRIu32, value);
	add(list, name, text);
}

/* Seconds, with a fraction only where there is one. */
static void
add_seconds(struct list *list, const char *name, int64_t ms)
{
	char text[32];

	if (ms % 1000 == 0)
		snprintf(text, sizeof(text), "%" PRId64, ms / 1000);
	else
		snprintf(text, sizeof(text), "%" PRId64 ".%03" PRId64,
		    ms / 1000, ms % 1000);
	add(list, name, text);
}

static void
add_all(struct list *list, const struct run_user *user,
    const struct store_delivery *delivery)
{
	const struct event *event = delivery->event;
	char id[EVENT_ID_TEXT_SIZE], received_at[CLOCK_TEXT_SIZE];
	char flags[EVENT_FLAGS_SIZE];

	event_id_format(event->id, id);
	clock_format(event->received_at_ms, received_at);
	add(list, "HOME", user->home);
	add(list, "USER", user->name);
	add(list, "LOGNAME", user->name);
	add(list, "SHELL", user->shell);
	add(list, "PATH", SPAWN_PATH);
	add(list, "LANG", "C.UTF-8");
	add(list, "GAFF_EVENT_ID", id);
	add(list, "GAFF_SOURCE", event->source);
	add(list, "GAFF_TYPE", event->type);
	add(list, "GAFF_KEY", event->key);
	event_flags_format(event->flags, flags);
	add(list, "GAFF_FLAGS", flags);
	add(list, "GAFF_ROUTE", delivery->route);
	add_number(list, "GAFF_ATTEMPT", delivery->attempt);
	add_number(list, "GAFF_REPLAY", delivery->replay);
	add(list, "GAFF_RECEIVED_AT", received_at);
	add(list, "GAFF_CONTENT_TYPE", event->content_type);
	add_seconds(list, "GAFF_TIMEOUT", list->route->timeout_ms);
	add(list, "GAFF_HEADERS", event->headers);
	for (size_t i = 0; i < list->route->env.n; i++) {
		buf_add_str(&list->text, list->route->env.items[i]);
		buf_add_char(&list->text, '\0');
		list->n++;
	}
}

char **
run_env(const struct run_user *user, const struct config_route *route,
    const struct store_delivery *delivery)
{
	struct list list = {.route = route};
	char **env = NULL, *p;
	size_t pointers;

	add_all(&list, user, delivery);
	pointers = (list.n + 1) * sizeof(*env);
	if (!list.text.failed)
		env = malloc(pointers + list.text.len);
	if (env != NULL) {
		p = (char *)env + pointers;
		memcpy(p, list.text.p, list.text.len);
		for (size_t i = 0; i < list.n; i++, p += strlen(p) + 1)
			env[i] = p;
		env[list.n] = NULL;
	}
	buf_clear(&list.text);
	return env;
}
