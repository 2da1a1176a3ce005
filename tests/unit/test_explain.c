/* The words of `gaff schemes`, the page made of them, and that what is shown
 * to be pasted loads. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../cli/explain.h"
#include "../../shared/config.h"
#include "support.h"

static void
test_words(void **state)
{
	static const char *const rows[][2] = {
	    {"slack", "`v0:`, the time as it stands, `:`, the body as it came"},
	    {"slack", "header x-slack-signature behind `v0=`"},
	    {"stripe", "t of the signature, 300 s off at most"},
	    {"basic", "written user:password"},
	    {"hubspot", "public_url"},
	    {"standard-webhooks", "with or without `whsec_`"},
	    {"meta", "param = verify_token=VALUE"},
	    {"none", "`unverified = yes`"},
	    {"plaid", "60s off at most, not older than 5m"},
	    {"google-pubsub-push", "param = email=VALUE"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf text = {0};

		explain_scheme(scheme_builtin(rows[i][0]), &text);
		support_contains(buf_str(&text), rows[i][1]);
		buf_clear(&text);
	}
}

static void
test_sections_load(void **state)
{
	char *dir = support_dir(), *path = support_path(dir, "gaff.conf");
	const char *name;

	(void)state;
	for (size_t i = 0; (name = scheme_builtin_name(i)); i++) {
		struct buf text = {0}, errors = {0};
		struct config *config;

		(void)buf_add_str(&text, "[worker local]\n");
		explain_source(scheme_builtin(name), &text);
		support_write(path, buf_str(&text), text.len, 0600);
		config = config_load(path, CONFIG_ROLE_NONE, &errors, NULL);
		if (!config)
			fail_msg("%s: %s", name, buf_str(&errors));
		config_unref(config);
		buf_clear(&text);
		buf_clear(&errors);
	}
	free(path);
	support_dir_remove(dir);
}

static void
test_page_is_fresh(void **state)
{
	char *there = support_read("docs/PROVIDERS.md", NULL);
	struct buf page = {0};

	(void)state;
	explain_page(&page);
	if (strcmp(there, buf_str(&page)) != 0)
		fail_msg("docs/PROVIDERS.md is stale: make docs/PROVIDERS.md");
	free(there);
	buf_clear(&page);
}

static void
test_nearest(void **state)
{
	(void)state;
	assert_string_equal(config_scheme_nearest(NULL, "gihub"), "github");
	assert_null(config_scheme_nearest(NULL, "nothing like any of them"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_sections_load),
	    cmocka_unit_test(test_page_is_fresh),
	    cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
