/*
 * `gaff import`: hooks of webhook and what becomes of them, as text.  That both
 * take the same requests is tests/integration/test_import.py's.
 */

#include <string.h>

#include <jansson.h>

#include "../../cli/import.h"
#include "support.h"

#define RUN "\"execute-command\":\"/bin/x\""
#define HMAC(n)                                                                \
	"{\"match\":{\"type\":\"payload-hmac-sha256\",\"secret\":\"" n "\","
#define GITHUB                                                                 \
	"\"parameter\":{\"source\":\"header\","                                \
	"\"name\":\"X-Hub-Signature-256\"}}}"
#define VALUE(source, name, value)                                             \
	"{\"match\":{\"type\":\"value\",\"value\":\"" value "\","              \
	"\"parameter\":{\"source\":\"" source "\",\"name\":\"" name "\"}}}"
#define END "timeout = 1h\nattempts = 1\n"

/* NULL-terminated: what must be there, and (behind "!") what must not. */
struct row {
	const char *hook; /* members beside the id */
	const char *parts[8];
	size_t n_secrets;
	bool open;
};

static const struct row rows[] = {
    /* one whole hook */
    {RUN ",\"trigger-rule\":{\"and\":[" HMAC("s3cret-s3cret") GITHUB
	"," VALUE("payload", "ref", "refs/heads/main") "]}",
	{"# ---- a ----\n\n[source a]\nscheme = github\n"
	 "secret = file:secrets/a\n\n[route a]\nsource = a\n"
	 "filter = (try .ref catch null | . != null and (tostring | . == "
	 "\"refs/heads/main\"))\nrun = /bin/x\n" END},
	1, false},
    /* nothing proves anything */
    {RUN,
	{"scheme = none\n# unverified = yes\n", "# nothing proves who sends",
	    "!enabled"},
	0, true},
    {RUN ",\"trigger-rule\":{\"match\":{\"type\":\"ip-whitelist\","
	 "\"ip-range\":\"10.0.0.0/8 192.0.2.1\"}}",
	{"scheme = none\nallow = 10.0.0.0/8\nallow = 192.0.2.1\n",
	    "!unverified", "!filter"},
	0, false},
    {RUN ",\"trigger-rule\":{\"match\":{\"type\":\"ip-whitelist\","
	 "\"ip-range\":\"10.0.0.0/8 x\\nrun = /bin/evil\"}}",
	{"unverified", "!\nrun = /bin/evil", "enabled = no\n"}, 0, true},
    /* signatures */
    {RUN ",\"trigger-rule\":{\"or\":[" HMAC("one-one-one") GITHUB
	"," HMAC("two-two-two") GITHUB "]}",
	{"scheme = github\nsecret = file:secrets/a\nsecret = "
	 "file:secrets/a.2\n",
	    "!filter"},
	2, false},
    {RUN ",\"trigger-rule\":{\"and\":[" HMAC("one-one-one") GITHUB
	"," HMAC("two-two-two") GITHUB "]}",
	{"secret = file:secrets/a\n", "# a rule with a secret is not",
	    "enabled = no\n"},
	1, true},
    {RUN ",\"trigger-rule\":{\"or\":[" HMAC("one-one-one") GITHUB
	"," VALUE("payload", "ref", "x") "]}",
	{"scheme = none\n# unverified = yes\n", "# a rule with a secret is not",
	    "enabled = no\n"},
	0, true},
    {RUN ",\"trigger-rule\":{\"match\":{\"type\":\"payload-hmac-sha512\","
	 "\"secret\":\"short\",\"parameter\":{\"source\":\"header\","
	 "\"name\":\"X-Sign\"}}}",
	{"scheme = hmac\nhash = sha512\nsignature = header:x-sign\n",
	    "# the signature is taken without \"sha512=\"",
	    "# its secret has "
	    "less than 8"},
	1, false},
    /* tokens */
    {RUN ",\"trigger-rule\":" VALUE("header", "X-Gitlab-Token", "tell-no-one"),
	{"scheme = gitlab.secret-token\nsecret = file:secrets/a\n",
	    "!signature"},
	1, false},
    {RUN ",\"trigger-rule\":" VALUE("url", "token", "tell-no-one"),
	{"scheme = token\nsignature = query:token\nauth_scheme = none\n"}, 1,
	false},
    {RUN ",\"trigger-rule\":" VALUE("payload", "a.token", "tell-no-one"),
	{"signature = json:/a/token\nsignature = form:a.token\n"}, 1, false},
    {RUN ",\"trigger-rule\":{\"and\":[" VALUE("url", "token",
	 "tell-no-one") "," VALUE("header", "X-Token", "too") "]}",
	{"signature = query:token\n", "!too", "enabled = no\n"}, 1, true},
    /* filters */
    {RUN ",\"trigger-rule\":{\"and\":[" HMAC("s3cret-s3cret") GITHUB
	",{\"not\":" VALUE("header", "X-E", "1\\\"") "},{\"or\":[" VALUE(
	    "url", "a", "b") ",{\"match\":{"
			     "\"type\":\"regex\","
			     "\"regex\":\"^v\\\\d"
			     "\",\"parameter\":{"
			     "\"source\":"
			     "\"payload\","
			     "\"name\":\"t-g.0.x"
			     "\"}}}]}]}",
	{"filter = ($headers[\"x-e\"] | . != null and (tostring | . != "
	 "\"1\\\"\"))\n    and (($query[\"a\"] | . != null and (tostring | . "
	 "== \"b\")) or (try .[\"t-g\"][0].x catch null | . != null and "
	 "(tostring | test(\"^v\\\\d\"))))\nrun"},
	1, false},
    {RUN ",\"trigger-rule\":" VALUE("request", "remote-addr", "x"),
	{"# this rule is not translated: {\"match\"", "enabled = no\n"}, 0,
	true},
    {RUN ",\"trigger-rule\":{}", {"enabled = no\n"}, 0, true},
    /* the command */
    {"\"execute-command\":\"./a b\",\"command-working-directory\":\"/srv\","
     "\"pass-arguments-to-command\":[{\"source\":\"string\",\"name\":\"it's\"}"
     "],\"pass-environment-to-command\":[{\"source\":\"string\",\"envname\":"
     "\"E\",\"name\":\"v\"}]",
	{"run = '/srv/./a b' 'it'\\''s'\ndirectory = /srv\nenv = E=v\n",
	    "!enabled"},
	0, true},
    {RUN ",\"pass-arguments-to-command\":[{\"source\":\"string\",\"name\":"
	 "\"-f\"},{\"source\":\"header\",\"name\":\"X-A\"}],"
	 "\"pass-file-to-command\":[{\"source\":\"raw-request-body\","
	 "\"envname\":\"BODY\"}]",
	{"run = /bin/x\n", "# - $1 was \"-f\"\n",
	    "# - $2 was the header X-A: printf %s \"$GAFF_HEADERS\" | jq -r "
	    "'.[\"x-a\"]'\n",
	    "# - BODY was the whole body", "enabled = no\n"},
	0, true},
    /* the rest */
    {RUN ",\"response-message\":\"ok\",\"success-http-response-code\":202,"
	 "\"response-headers\":[{\"name\":\"content-type\",\"value\":\"a/b\"},"
	 "{\"name\":\"X-Y\\nrun = /bin/evil\",\"value\":\"z\"}],"
	 "\"http-methods\":[\"PUT\"],\"include-command-output-in-response\":"
	 "true,\"what\":1",
	{"response_body = ok\nresponse_type = a/b\nresponse_status = 202\n",
	    "!\nrun = /bin/evil", "# http-methods has no POST",
	    "# the command's output cannot", "# what is not known"},
	0, true},
};

static void
check(const struct row *row, const struct import *import, const char *text)
{
	for (size_t i = 0; row->parts[i] != NULL; i++) {
		bool there = row->parts[i][0] != '!';
		const char *part = row->parts[i] + !there;

		if ((strstr(text, part) != NULL) != there)
			fail_msg("%s\n%s: %s\nin:\n%s", row->hook,
			    there ? "expected" : "not expected", part, text);
	}
	assert_int_equal(import->n_secrets, row->n_secrets);
	for (size_t i = 0; i < import->n_secrets; i++)
		if (strstr(text, import->secrets[i].value) != NULL)
			fail_msg("%s\na secret is in:\n%s", row->hook, text);
	if (import->n_open != row->open)
		fail_msg("%s\nopen: %zu\n%s", row->hook, import->n_open, text);
}

static void
test_hooks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char error[IMPORT_ERROR_SIZE], json[4096];
		struct import import = {0};
		json_t *hooks;

		(void)snprintf(
		    json, sizeof(json), "[{\"id\":\"a\",%s}]", rows[i].hook);
		hooks = json_loads(json, 0, NULL);
		if (hooks == NULL)
			fail_msg("no JSON: %s", json);
		assert_int_equal(
		    import_hooks(hooks, "secrets", &import, error), 0);
		check(&rows[i], &import,
		    strstr(buf_str(&import.text), "# ---- "));
		import_clear(&import);
		json_decref(hooks);
	}
}

/* Ids that are no names of ours, and hooks that cannot be any. */
static void
test_ids(void **state)
{
	static const struct {
		const char *hooks, *error, *part;
	} ids[] = {
	    {"[{\"id\":\"a/b\"," RUN "}]", NULL,
		"[source a-b]\npath = /hooks/a/b\n"},
	    {"[{\"id\":\"a b\"," RUN "}]", NULL,
		"# its URL was /hooks/a b: the provider must be told "
		"/hooks/a-b\n"},
	    {"[{\"id\":\"gaff\"," RUN "}]", NULL, "[source gaff-hook]\n"},
	    {"[{\"id\":\"a b\"," RUN "},{\"id\":\"a-b\"," RUN "}]",
		"hook 2 has the id of another one, or nearly", NULL},
	    {"[{" RUN "}]", "hook 1 has no id", NULL},
	    {"[1]", "hook 1 has no id", NULL},
	    {"[{\"id\":\"a\"}]",
		"hook 1 has no execute-command that fits on a line", NULL},
	    {"[]", NULL, "[worker local]\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char error[IMPORT_ERROR_SIZE] = "";
		struct import import = {0};
		json_t *hooks = json_loads(ids[i].hooks, 0, NULL);
		int result = import_hooks(hooks, "s", &import, error);

		assert_int_equal(result, ids[i].error != NULL ? -1 : 0);
		if (ids[i].error != NULL)
			assert_string_equal(error, ids[i].error);
		else
			support_contains(buf_str(&import.text), ids[i].part);
		import_clear(&import);
		json_decref(hooks);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hooks),
	    cmocka_unit_test(test_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
