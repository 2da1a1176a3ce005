#include "samples.h"

#include <stdio.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/event.h"

/* In a body {key} {type} {action} {seconds} {time} stand for the event's. */
struct sample {
	const char *scheme;
	const char *type;
	const char *content_type;
	const char *key_prefix; /* "": a UUID as it is */
	const char *body;
};

static const char github_body[] =
    "{\"ref\":\"refs/heads/main\",{action}"
    "\"before\":\"6113728f27ae82c7b1a177c8d03f9e96e0adf246\","
    "\"after\":\"59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5\","
    "\"repository\":{\"id\":186853002,\"name\":\"shop\","
    "\"full_name\":\"octo-org/shop\",\"private\":false,"
    "\"default_branch\":\"main\"},"
    "\"pusher\":{\"name\":\"octocat\",\"email\":\"octocat@example.com\"},"
    "\"sender\":{\"login\":\"octocat\",\"id\":583231,\"type\":\"User\"},"
    "\"commits\":[{\"id\":\"59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5\","
    "\"message\":\"Update README.md\",\"timestamp\":\"{time}\","
    "\"author\":{\"name\":\"Mona Lisa\",\"email\":\"mona@example.com\"},"
    "\"added\":[],\"removed\":[],\"modified\":[\"README.md\"]}]}";

static const char stripe_body[] =
    "{\n  \"id\": \"{key}\",\n  \"object\": \"event\",\n"
    "  \"api_version\": \"2024-06-20\",\n  \"created\": {seconds},\n"
    "  \"data\": {\n    \"object\": {\n"
    "      \"id\": \"in_1NxGf2LkdIwHu7ixT3wq0pVZ\",\n"
    "      \"object\": \"invoice\",\n      \"amount_paid\": 2000,\n"
    "      \"currency\": \"eur\",\n"
    "      \"customer\": \"cus_OklVXbbTOWDgsM\",\n"
    "      \"paid\": true,\n      \"status\": \"paid\"\n    }\n  },\n"
    "  \"livemode\": false,\n  \"pending_webhooks\": 1,\n"
    "  \"request\": {\n    \"id\": \"req_kP2XnVqKkDNNbR\",\n"
    "    \"idempotency_key\": null\n  },\n  \"type\": \"{type}\"\n}";

static const char slack_body[] =
    "{\"token\":\"XXYYZZ\",\"team_id\":\"T0001\",\"api_app_id\":\"A0001\","
    "\"event\":{\"type\":\"{type}\",\"user\":\"U061F7AUR\","
    "\"text\":\"<@U0LAN0Z89> is it everything a river should be?\","
    "\"ts\":\"{seconds}.000100\",\"channel\":\"C0LAN2Q65\","
    "\"event_ts\":\"{seconds}.000100\"},\"type\":\"event_callback\","
    "\"event_id\":\"{key}\",\"event_time\":{seconds},"
    "\"authorizations\":[{\"enterprise_id\":null,\"team_id\":\"T0001\","
    "\"user_id\":\"U0LAN0Z89\",\"is_bot\":true}]}";

static const char shopify_body[] =
    "{\"id\":820982911946154508,"
    "\"admin_graphql_api_id\":\"gid:\\/\\/shopify\\/Order\\/"
    "820982911946154508\",\"created_at\":\"{time}\",\"currency\":\"EUR\","
    "\"email\":\"jon@example.com\",\"financial_status\":\"paid\","
    "\"name\":\"#9999\",\"total_price\":\"388.00\","
    "\"line_items\":[{\"id\":487817672276298554,"
    "\"title\":\"Aviator sunglasses\",\"quantity\":1,\"price\":\"89.99\","
    "\"sku\":\"SKU2006-001\"}],\"test\":true}";

static const char standard_body[] =
    "{\"type\":\"{type}\",\"timestamp\":\"{time}\",\"data\":{"
    "\"id\":\"1f81eb52-5198-4599-803e-771906343485\","
    "\"email\":\"jon@example.com\",\"active\":true}}";

static const char plain_body[] = "{\"id\":\"{key}\",\"type\":\"{type}\","
				 "\"created\":\"{time}\",\"data\":{}}";

static const struct sample samples[] = {
    {"github", "push", "application/json", "", github_body},
    {"stripe", "invoice.paid", "application/json; charset=utf-8", "evt_",
	stripe_body},
    {"slack", "app_mention", "application/json", "Ev", slack_body},
    {"shopify", "orders/paid", "application/json", "", shopify_body},
    {"standard-webhooks", "user.created", "application/json", "msg_",
	standard_body},
};

static const struct sample plain = {
    "", "test.event", "application/json", "msg_", plain_body};

static const struct sample *
find_sample(const char *scheme)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		if (strcmp(samples[i].scheme, scheme) == 0)
			return &samples[i];
	return &plain;
}

const char *
sample_type(const char *scheme)
{
	return find_sample(scheme)->type;
}

const char *
sample_content_type(const char *scheme)
{
	return find_sample(scheme)->content_type;
}

int
sample_key(const char *scheme, char key[SAMPLE_KEY_SIZE])
{
	const char *prefix = find_sample(scheme)->key_prefix;
	char text[EVENT_ID_TEXT_SIZE];
	uint8_t id[EVENT_ID_LEN];
	size_t len;

	if (event_id_new(clock_wall_ms(), id) != 0)
		return -1;
	event_id_format(id, text);
	len = (size_t)snprintf(key, SAMPLE_KEY_SIZE, "%s", prefix);
	for (const char *p = text; *p != '\0'; p++)
		if (*p != '-' || prefix[0] == '\0')
			key[len++] = *p;
	key[len] = '\0';
	return 0;
}

/* The text a placeholder stands for, in `out`. */
static void
put_value(const char *name, size_t len, const char *const values[][2],
    struct buf *out)
{
	for (size_t i = 0; values[i][0] != NULL; i++)
		if (strlen(values[i][0]) == len &&
		    memcmp(values[i][0], name, len) == 0)
			buf_add_str(out, values[i][1]);
}

/* GitHub's type is the header's event and the body's action. */
static void
make_action(const char *type, struct buf *out)
{
	const char *dot = strchr(type, '.');

	if (dot == NULL)
		return;
	buf_add_str(out, "\"action\":\"");
	buf_add_json(out, dot + 1, strlen(dot + 1));
	buf_add_str(out, "\",");
}

int
sample_body(const char *scheme, const char *type, const char *key,
    int64_t wall_ms, struct buf *out)
{
	struct buf action = {0}, type_json = {0}, key_json = {0};
	const char *p = find_sample(scheme)->body, *end;
	char seconds[24], time[CLOCK_TEXT_SIZE];
	int result = -1;

	clock_format(wall_ms, time);
	snprintf(seconds, sizeof(seconds), "%lld", (long long)wall_ms / 1000);
	make_action(type, &action);
	buf_add_json(&type_json, type, strlen(type));
	buf_add_json(&key_json, key, strlen(key));
	if (action.failed || type_json.failed || key_json.failed)
		goto out;

	const char *const values[][2] = {{"key", buf_str(&key_json)},
	    {"type", buf_str(&type_json)}, {"action", buf_str(&action)},
	    {"seconds", seconds}, {"time", time}, {NULL, NULL}};
	for (; *p != '\0'; p++) {
		/* a placeholder is {, lower-case letters, } */
		end = p + 1 + strspn(p + 1, "abcdefghijklmnopqrstuvwxyz");
		if (*p == '{' && end > p + 1 && *end == '}') {
			put_value(p + 1, (size_t)(end - p - 1), values, out);
			p = end;
		} else {
			buf_add_char(out, *p);
		}
	}
	result = out->failed ? -1 : 0;
out:
	buf_clear(&action);
	buf_clear(&type_json);
	buf_clear(&key_json);
	return result;
}
