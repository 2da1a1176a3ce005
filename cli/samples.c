#include "samples.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/event.h"
#include "payload.h"

/* conf/samples.json, put in by the linker, which chooses these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming) */
extern const char _binary_conf_samples_json_start[];
extern const char _binary_conf_samples_json_end[];

/* NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming) */

static json_t *
load(void)
{
	const char *start = _binary_conf_samples_json_start;

	return json_loadb(
	    start, (size_t)(_binary_conf_samples_json_end - start), 0, NULL);
}

/* ---- a sample for a scheme that has none ---- */

/* Put `text` at each place of a value ("json:/a json:/b?") that is in the
 * body; of several the second takes what stands behind the type's dot. */
static int
put_places(struct sample *sample, json_t **body, const char *value,
    const char *const texts[2])
{
	size_t n = 0;

	for (; *value != '\0'; n++) {
		size_t len = strcspn(value, " ?");
		char *place = strndup(value, len);
		const char *text = texts[n > 0];
		int rc = place ? 0 : -1;

		if (rc == 0 && strncmp(place, "json:", 5) == 0)
			rc = payload_put(body, place + 5, text);
		else if (rc == 0 && strncmp(place, "form:", 5) == 0 &&
			 (*body == NULL || sample->form)) {
			sample->form = true;
			if (!*body)
				*body = json_object();
			rc = json_object_set_new(
			    *body, place + 5, json_string(text));
		}
		free(place);
		if (rc != 0)
			return -1;
		value += len + strspn(value + len, "? ");
	}
	return 0;
}

/* The places that a template names: words in braces, `*` behind some. */
static int
put_signed(struct sample *sample, json_t **body, const char *template)
{
	static const char *const texts[2] = {"{uuid}", "{uuid}"};
	static const char lines[] = "{name_lines:";
	int rc = 0;

	if (strncmp(template, lines, strlen(lines)) == 0)
		template += strlen(lines);

	while (rc == 0 && *template != '\0') {
		size_t len = strcspn(template, "{} *");
		char *place = strndup(template, len);

		rc = place ? put_places(sample, body, place, texts) : -1;
		free(place);
		template += len + (template[len] != '\0');
	}
	return rc;
}

/* What a condition wants: its value, or that of a param; NULL: none. */
static const char *
wanted(const struct scheme *scheme, const char *value)
{
	static const char open[] = "{param:";
	const char *param;
	size_t len;

	if (strncmp(value, open, strlen(open)) != 0)
		return *value != '{' ? value : NULL;
	value += strlen(open);
	len = strcspn(value, "}");
	for (size_t i = 0; (param = scheme_value(scheme, "param", i)); i++)
		if (strncmp(param, value, len) == 0 && param[len] == '=')
			return param + len + 1;
	return NULL;
}

/* What the conditions say that stands in the body. */
static int
put_conditions(struct sample *sample, json_t **body,
    const struct scheme *scheme, const char *key)
{
	const char *condition;
	int rc = 0;

	for (size_t i = 0;
	     rc == 0 && (condition = scheme_value(scheme, key, i)); i++) {
		size_t len = strcspn(condition, "=");
		const char *value =
		    condition[len] ? wanted(scheme, condition + len + 1) : NULL;
		const char *texts[2] = {value, value};
		char *place;

		if (!value)
			continue;
		place = strndup(condition, len);
		rc = place ? put_places(sample, body, place, texts) : -1;
		free(place);
	}
	return rc;
}

/* A body with everything where the scheme looks for it. */
static json_t *
make_body(struct sample *sample, const struct scheme *scheme)
{
	static const struct {
		const char *key;
		const char *texts[2];
	} rows[] = {
	    {"id", {"{key}", "{key}"}},
	    {"type", {"{type}", "{action}"}},
	    {"timestamp", {"{seconds}", ""}},
	};

	static const char *const joined[2] = {"{event}", "{action}"};
	const char *template = scheme_get(scheme, "template");
	const char *unit = scheme_get(scheme, "timestamp_unit");
	json_t *body = NULL;
	int rc = 0;

	if (template && strstr(template, "{sorted_form_params}")) {
		sample->form = true;
		body = json_object();
	}
	if (template)
		rc = put_signed(sample, &body, template);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *value = scheme_get(scheme, rows[i].key);
		const char *const *texts = rows[i].texts;
		static const char *const millis[2] = {"{millis}", ""};

		if (i == 1 && value && strchr(value, ' '))
			texts = joined;
		if (i == 2 && unit && strcmp(unit, "ms") == 0)
			texts = millis;
		if (rc == 0 && value)
			rc = put_places(sample, &body, value, texts);
	}
	if (rc == 0)
		rc = put_conditions(sample, &body, scheme, "when");
	if (rc == 0)
		rc = put_conditions(sample, &body, scheme, "require");
	if (rc == 0 && !body)
		body = json_pack("{s:s, s:s}", "id", "{key}", "type", "{type}");
	if (rc == 0 && json_is_object(body))
		rc =
		    json_object_set_new(body, "created", json_string("{time}"));
	if (rc == 0)
		return body;
	json_decref(body);
	return NULL;
}

/* ---- one ---- */

/* The file's entry for this scheme, or for what stands before its dot. */
static json_t *
find(const json_t *all, const char *name)
{
	json_t *entry = json_object_get(all, name);
	char *base;

	if (entry || !strchr(name, '.'))
		return entry;
	base = strndup(name, strcspn(name, "."));
	entry = base ? json_object_get(all, base) : NULL;
	free(base);
	return entry;
}

static const char *
text_of(const json_t *entry, const char *name)
{
	const char *text = json_string_value(json_object_get(entry, name));

	return text ? text : "";
}

int
sample_init(struct sample *sample, const struct scheme *scheme)
{
	json_t *all = load(), *entry = find(all, scheme_name(scheme));

	*sample = (struct sample){.type = "test.event", .key = "msg_"};
	if (entry) {
		sample->own = json_incref(entry);
		sample->type = text_of(entry, "type");
		sample->key = text_of(entry, "key");
		sample->form = json_is_true(json_object_get(entry, "form"));
		sample->body = json_object_get(entry, "body");
	} else {
		sample->own = make_body(sample, scheme);
		sample->body = sample->own;
	}
	json_decref(all);
	return sample->body ? 0 : -1;
}

void
sample_clear(struct sample *sample)
{
	json_decref(sample->own);
	*sample = (struct sample){0};
}

const char *
sample_content_type(const struct sample *sample)
{
	return sample->form ? "application/x-www-form-urlencoded"
			    : "application/json";
}

static int
make_uuid(char text[EVENT_ID_TEXT_SIZE])
{
	uint8_t id[EVENT_ID_LEN];

	if (event_id_new(clock_wall_ms(), id) != 0)
		return -1;
	event_id_format(id, text);
	return 0;
}

int
sample_key(const struct sample *sample, char key[SAMPLE_KEY_SIZE])
{
	bool number = strcmp(sample->key, "#") == 0;
	char text[EVENT_ID_TEXT_SIZE];
	uint64_t value = 0;
	uint8_t id[EVENT_ID_LEN];
	size_t len;

	if (number) {
		if (event_id_new(clock_wall_ms(), id) != 0)
			return -1;
		/* the last bytes are random: 15 digits, as a double holds */
		for (size_t i = EVENT_ID_LEN - 7; i < EVENT_ID_LEN; i++)
			value = value << 8 | id[i];
		snprintf(key, SAMPLE_KEY_SIZE, "%" PRIu64,
		    value % UINT64_C(900000000000000) +
			UINT64_C(100000000000000));
		return 0;
	}
	if (make_uuid(text) != 0)
		return -1;
	len = (size_t)snprintf(key, SAMPLE_KEY_SIZE, "%s", sample->key);
	for (const char *p = text; *p != '\0'; p++)
		if (*p != '-' || sample->key[0] == '\0')
			key[len++] = *p;
	key[len] = '\0';
	return 0;
}

int
sample_body(const struct sample *sample, const char *type, const char *key,
    int64_t wall_ms, struct buf *out)
{
	char seconds[24], millis[24], time[CLOCK_TEXT_SIZE];
	char uuid[EVENT_ID_TEXT_SIZE] = "";
	const char *dot = strchr(type, '.');
	char *event = strndup(type, strcspn(type, "."));
	char *text = NULL;
	json_t *body = NULL;
	int result = -1;

	clock_format(wall_ms, time);
	snprintf(seconds, sizeof(seconds), "%" PRId64, wall_ms / 1000);
	snprintf(millis, sizeof(millis), "%" PRId64, wall_ms);
	if (!event || make_uuid(uuid) != 0)
		goto out;

	const struct payload_value values[] = {
	    {"key", key, strcmp(sample->key, "#") == 0},
	    {"type", type, false},
	    {"event", event, false},
	    {"action", dot ? dot + 1 : NULL, false},
	    {"seconds", seconds, true},
	    {"millis", millis, true},
	    {"time", time, false},
	    {"uuid", uuid, false},
	    {NULL, NULL, false},
	};
	body = payload_fill(sample->body, values);
	if (sample->form)
		result = payload_form(body, out);
	else if ((text = json_dumps(body, JSON_COMPACT)))
		result = buf_add_str(out, text);
out:
	free(text);
	free(event);
	json_decref(body);
	return result;
}
