/* Answers, as the web server reads them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../../fcgi/reply.h"
#include "support.h"

static const char id[] = "01932f6e-0000-7000-8000-000000000000";

struct fixture {
	struct scheme *scheme;
	struct config_source source;
	char name[8];
	struct buf out;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->scheme = scheme_new("t", scheme_builtin("github"));
	(void)snprintf(f->name, sizeof f->name, "shop");
	f->source.name = f->name;
	f->source.scheme = f->scheme;
	f->source.response_status = 200;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	buf_clear(&f->out);
	scheme_free(f->scheme);
	free(f);
	return 0;
}

/* The JSON of an answer's body, whose length must be what it says. */
static json_t *
body_of(struct fixture *f)
{
	const char *text = buf_str(&f->out);
	const char *body = strstr(text, "\r\n\r\n");
	const char *length = strstr(text, "Content-Length: ");
	json_t *object;

	assert_non_null(body);
	assert_non_null(length);
	body += 4;
	assert_int_equal(strtoul(length + 16, NULL, 10), strlen(body));
	object = json_loads(body, 0, NULL);
	assert_non_null(object);
	return object;
}

static void
accept_it(struct fixture *f, bool duplicate, const char *revived)
{
	const struct reply_accepted accepted = {.source = &f->source,
	    .id = id,
	    .duplicate = duplicate,
	    .revived = revived};

	buf_reset(&f->out);
	assert_int_equal(reply_accepted(&f->out, &accepted), 0);
	assert_true(f->out.len < REPLY_MAX);
}

static void
test_accepted(void **state)
{
	struct fixture *f = *state;
	json_t *object;

	accept_it(f, false, "");
	support_contains(f->out.p, "Status: 200 OK\r\n");
	support_contains(f->out.p, "Content-Type: application/json\r\n");
	support_contains(f->out.p, "gaff-event-id: 01932f6e-");
	object = body_of(f);
	assert_string_equal(
	    json_string_value(json_object_get(object, "status")), "accepted");
	assert_string_equal(
	    json_string_value(json_object_get(object, "id")), id);
	assert_null(json_object_get(object, "revived"));
	json_decref(object);
}

static void
test_duplicate(void **state)
{
	struct fixture *f = *state;
	json_t *object;
	json_t *revived;

	accept_it(f, true, "");
	object = body_of(f);
	assert_string_equal(
	    json_string_value(json_object_get(object, "status")), "duplicate");
	assert_null(json_object_get(object, "revived"));
	json_decref(object);

	accept_it(f, true, "deploy,mirror");
	object = body_of(f);
	revived = json_object_get(object, "revived");
	assert_int_equal(json_array_size(revived), 2);
	assert_string_equal(
	    json_string_value(json_array_get(revived, 1)), "mirror");
	json_decref(object);
}

static void
test_many_revived(void **state)
{
	struct fixture *f = *state;
	struct buf names = {0};

	for (int i = 0; i < 1000; i++)
		(void)buf_printf(&names, "%sroute-%d", i ? "," : "", i);
	accept_it(f, true, buf_str(&names));
	json_decref(body_of(f));
	buf_clear(&names);
}

static void
test_own_answers(void **state)
{
	struct fixture *f = *state;
	char text[] = "thanks";
	char type[] = "text/html";
	char none[] = "none";

	f->source.response_status = 201;
	f->source.response_body = text;
	accept_it(f, false, "");
	support_contains(f->out.p, "Status: 201 Created\r\n");
	support_contains(f->out.p, "Content-Type: text/plain; charset=utf-8");
	support_contains(f->out.p, "\r\n\r\nthanks");

	f->source.response_status = 202;
	f->source.response_type = type;
	accept_it(f, true, "");
	support_contains(f->out.p, "Status: 202 Accepted\r\n");
	support_contains(f->out.p, "Content-Type: text/html\r\n");
	support_contains(f->out.p, "gaff-event-id: ");
	support_contains(f->out.p, "\r\n\r\nthanks");

	f->source.response_status = 204;
	accept_it(f, false, "");
	support_contains(f->out.p, "Status: 204 No Content\r\n");
	assert_null(strstr(buf_str(&f->out), "Content-"));

	f->source.response_status = 200;
	f->source.response_body = none;
	accept_it(f, false, "");
	support_contains(f->out.p, "Content-Length: 0\r\n\r\n");
	assert_null(strstr(buf_str(&f->out), "Content-Type"));
	f->source = (struct config_source){
	    .name = f->name, .scheme = f->scheme, .response_status = 200};
}

static void
refuse_it(struct fixture *f, enum refusal refusal)
{
	const struct reply_refused refused = {.refusal = refusal,
	    .id = id,
	    .source = &f->source,
	    .allow = "GET, POST"};

	buf_reset(&f->out);
	assert_int_equal(reply_refused(&f->out, &refused), 0);
	(void)buf_str(&f->out);
}

static void
test_every_refusal(void **state)
{
	struct fixture *f = *state;

	for (int i = REFUSAL_NONE + 1; i < REFUSAL__MAX; i++) {
		const struct refusal_row *row = refusal_row((enum refusal)i);
		json_t *object;

		assert_non_null(row->reason);
		assert_true(row->status >= 400);
		assert_string_not_equal(refusal_title(row->status), "Answer");
		refuse_it(f, (enum refusal)i);
		support_contains(
		    f->out.p, "Content-Type: application/problem+json\r\n");
		object = body_of(f);
		assert_int_equal(
		    json_integer_value(json_object_get(object, "status")),
		    row->status);
		assert_string_equal(
		    json_string_value(json_object_get(object, "type")),
		    "about:blank");
		assert_string_equal(
		    json_string_value(json_object_get(object, "code")),
		    row->code);
		assert_string_equal(
		    json_string_value(json_object_get(object, "instance")),
		    "urn:uuid:01932f6e-0000-7000-8000-000000000000");
		assert_non_null(json_object_get(object, "title"));
		assert_non_null(json_object_get(object, "detail"));
		json_decref(object);
	}
}

/* Whatever was wrong with a signature, the sender reads the same. */
static void
test_verification_tells_nothing(void **state)
{
	struct fixture *f = *state;
	char *first = NULL;

	for (int i = SCHEME_OK + 1; i < SCHEME_ERROR; i++) {
		refuse_it(f, refusal_of_scheme((enum scheme_result)i));
		assert_string_equal(
		    refusal_row(refusal_of_scheme((enum scheme_result)i))
			->reason,
		    scheme_result_name((enum scheme_result)i));
		if (first == NULL)
			first = strdup(f->out.p);
		assert_string_equal(f->out.p, first);
	}
	support_contains(
	    first, "WWW-Authenticate: Signature realm=\"shop\"\r\n");
	free(first);
}

static void
test_extra_headers(void **state)
{
	struct fixture *f = *state;
	char error[SCHEME_ERROR_SIZE];

	refuse_it(f, REFUSAL_METHOD);
	support_contains(f->out.p, "Allow: GET, POST\r\n");
	refuse_it(f, REFUSAL_NO_WORKER);
	support_contains(f->out.p, "Retry-After: 5\r\n");
	refuse_it(f, REFUSAL_TOO_LARGE);
	assert_null(strstr(f->out.p, "Retry-After"));

	assert_int_equal(
	    scheme_set(f->scheme, "refused_status", "403", error), 0);
	refuse_it(f, REFUSAL_MISMATCH);
	support_contains(f->out.p, "Status: 403 Forbidden\r\n");
	refuse_it(f, REFUSAL_TOO_LARGE);
	support_contains(f->out.p, "Status: 413 ");
}

static void
test_health(void **state)
{
	struct fixture *f = *state;

	buf_reset(&f->out);
	assert_int_equal(reply_health(&f->out, true), 0);
	support_contains(buf_str(&f->out), "Status: 200 OK\r\n");
	buf_reset(&f->out);
	assert_int_equal(reply_health(&f->out, false), 0);
	support_contains(buf_str(&f->out), "Status: 503 ");
	support_contains(f->out.p, "Retry-After: ");
}

static void
test_no_memory(void **state)
{
	struct fixture *f = *state;
	const struct reply_refused refused = {
	    .refusal = REFUSAL_MISMATCH, .id = id, .source = &f->source};
	unsigned n = 0;
	int rc;

	do {
		struct buf out = {0};

		support_fail_alloc(++n);
		rc = reply_refused(&out, &refused);
		assert_true(rc == 0 || rc == -1);
		buf_clear(&out);
	} while (rc != 0);
	support_fail_alloc(0);
	assert_true(n > 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_accepted),
	    cmocka_unit_test(test_duplicate),
	    cmocka_unit_test(test_many_revived),
	    cmocka_unit_test(test_own_answers),
	    cmocka_unit_test(test_every_refusal),
	    cmocka_unit_test(test_verification_tells_nothing),
	    cmocka_unit_test(test_extra_headers),
	    cmocka_unit_test(test_health),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
