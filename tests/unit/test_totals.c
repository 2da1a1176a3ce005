/* totals: what gateway processes count, added up. */

#include <stdio.h>
#include <stdlib.h>

#include "../../worker/totals.h"
#include "support.h"

static json_t *
parse(const char *text)
{
	json_t *value = json_loads(text, 0, NULL);

	assert_non_null(value);
	return value;
}

/* `total` after a process told `before` and then `now` (JSON each). */
static void
assert_total(
    const char *total, const char *before, const char *now, const char *sum)
{
	json_t *all = parse(total), *old = before ? parse(before) : NULL;
	json_t *new = parse(now), *want = parse(sum);
	char *text;

	totals_add(all, old, new);
	text = json_dumps(all, 0);
	if (!json_equal(all, want))
		fail_msg("%s", text);
	free(text);
	json_decref(all);
	json_decref(old);
	json_decref(new);
	json_decref(want);
}

static void
test_members(void **state)
{
	(void)state;
	assert_total("{}", NULL, "{\"accepted\":3}", "{\"accepted\":3}");
	assert_total("{\"accepted\":10}", "{\"accepted\":3}",
	    "{\"accepted\":5}", "{\"accepted\":12}");
	/* a number that falls is no process's */
	assert_total("{\"accepted\":10}", "{\"accepted\":5}",
	    "{\"accepted\":3}", "{\"accepted\":10}");
	assert_total("{\"codes\":{\"200\":1}}", "{\"codes\":{\"401\":2}}",
	    "{\"codes\":{\"200\":4,\"401\":3}}",
	    "{\"codes\":{\"200\":5,\"401\":1}}");
	assert_total("{\"duration_us\":{\"sum\":5,\"n\":[1,0]}}", NULL,
	    "{\"duration_us\":{\"sum\":9,\"n\":[2,3,4]}}",
	    "{\"duration_us\":{\"sum\":14,\"n\":[3,3,4]}}");
}

static void
test_latest(void **state)
{
	(void)state;
	assert_total("{\"last_accepted_ms\":9}", NULL,
	    "{\"last_accepted_ms\":7}", "{\"last_accepted_ms\":9}");
	assert_total("{\"last_refused_ms\":5,\"reason\":\"too_old\"}", NULL,
	    "{\"last_refused_ms\":7,\"reason\":\"mismatch\"}",
	    "{\"last_refused_ms\":7,\"reason\":\"mismatch\"}");
	assert_total("{\"last_refused_ms\":5,\"reason\":\"too_old\"}", NULL,
	    "{\"last_refused_ms\":4,\"reason\":\"mismatch\"}",
	    "{\"last_refused_ms\":5,\"reason\":\"too_old\"}");
	/* counted by another start of the worker, and still the latest */
	assert_total("{}", "{\"last_accepted_ms\":7,\"accepted\":4}",
	    "{\"last_accepted_ms\":7,\"accepted\":4}",
	    "{\"last_accepted_ms\":7,\"accepted\":0}");
}

/* Nothing a peer says breaks or fills it. */
static void
test_odd(void **state)
{
	json_t *total = json_object(), *now;
	char name[16];

	(void)state;
	assert_total("{\"accepted\":1}", "{\"accepted\":[]}",
	    "{\"accepted\":{},\"x\":null,\"y\":1.5,\"reason\":true}",
	    "{\"accepted\":1}");
	assert_total("{}", "[]", "[1]", "{}");
	assert_total("{}", NULL, "{\"a\":{\"b\":{\"c\":{\"d\":1}}}}",
	    "{\"a\":{\"b\":{}}}");
	assert_total("{\"n\":[1]}", "{\"n\":3}", "{\"n\":7}", "{\"n\":[1]}");
	for (int i = 0; i < 2 * TOTALS_MEMBERS_MAX; i++) {
		(void)snprintf(name, sizeof name, "m%d", i);
		now = json_pack("{s:i}", name, 1);
		totals_add(total, NULL, now);
		json_decref(now);
	}
	assert_int_equal(json_object_size(total), TOTALS_MEMBERS_MAX);
	json_decref(total);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_members),
	    cmocka_unit_test(test_latest),
	    cmocka_unit_test(test_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
