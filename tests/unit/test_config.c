/* config: what gaff.conf means, and every way it can be wrong. */

#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../shared/config.h"
#include "support.h"

static char directory[] = "/tmp/gaff-config-XXXXXX";
static char main_path[128];

static void
write_file(const char *name, const char *text, unsigned mode)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	(void)unlink(path);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int
set_up(void **state)
{
	char path[256];

	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/conf.d", directory);
	(void)mkdir(path, 0700);
	(void)snprintf(path, sizeof(path), "%s/secrets", directory);
	(void)mkdir(path, 0700);
	(void)snprintf(main_path, sizeof(main_path), "%s/gaff.conf", directory);
	write_file("secrets/github", "0123456789abcdef\n", 0600);
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const files[] = {"gaff.conf", "conf.d/a.conf",
	    "conf.d/b.conf", "secrets/github", "list.cidr", "conf.d", "secrets",
	    ""};
	char path[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(
		    path, sizeof(path), "%s/%s", directory, files[i]);
		(void)remove(path);
	}
	return 0;
}

static int
clean_up(void **state)
{
	char path[256];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/conf.d/a.conf", directory);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/conf.d/b.conf", directory);
	(void)unlink(path);
	return 0;
}

static const char good[] = "# comment\n"
			   "[gateway]\n"
			   "answer_within = 2s\n"
			   "trusted_proxy = 10.0.0.0/8\n"
			   "trusted_proxy = fd00::/8\n"
			   "\n"
			   "[worker local]\n"
			   "data = ipc://run/local.data\n"
			   "control = ipc:///run/gaff/local.control\n"
			   "metrics = 9464\n"
			   "user = daemon\n"
			   "\n"
			   "[store]\n"
			   "url = sqlite:gaff.db\n"
			   "dedup = 2d\n"
			   "[source github]\n"
			   "scheme = github\n"
			   "secret = file:secrets/github\n"
			   "allow = 192.0.2.0/24\n"
			   "silent_after = 1h\n"
			   "keep_rejected = 20\n"
			   "strict_replay = yes\n"
			   "[source open]\n"
			   "scheme = none\n"
			   "unverified = yes\n"
			   "path = /in/open\n"
			   "[route deploy]\n"
			   "source = github\n"
			   "type = push\n"
			   "type = !push.tag\n"
			   "filter = .ref ==\n"
			   "  \"refs/heads/main\"\n"
			   "run = /bin/echo 'a b' \"c\\\"d\" e\\ f ''\n"
			   "env = NAME=va=lue\n"
			   "schedule = 5s 1m 10m\n"
			   "final = 3 64\n"
			   "user = nobody\n"
			   "failing_over = 25%\n"
			   "[route mirror]\n"
			   "post = https://example.com/in\n"
			   "sign = standard-webhooks\n"
			   "sign_secret = file:secrets/github\n";

static struct config *
load(const char *text, enum config_role role, struct buf *errors)
{
	write_file("gaff.conf", text, 0600);
	return config_load(main_path, role, errors, NULL);
}

static void
test_good(void **state)
{
	struct buf errors = {0};
	struct config *c = load(good, CONFIG_ROLE_GATEWAY, &errors);
	const struct config_route *route;
	const struct config_source *source;
	char expected[256];

	(void)state;
	if (c == NULL)
		print_error("%s", buf_str(&errors));
	assert_non_null(c);
	assert_int_equal(c->gateway.answer_within_ms, 2000);
	assert_int_equal(c->gateway.threads, 16);
	assert_int_equal(c->gateway.trusted_proxy.n, 2);
	assert_int_equal(c->n_workers, 1);
	(void)snprintf(
	    expected, sizeof(expected), "ipc://%s/run/local.data", directory);
	assert_string_equal(c->workers[0].data, expected);
	assert_string_equal(c->workers[0].admin, "ipc:///run/gaff/local.admin");
	(void)snprintf(
	    expected, sizeof(expected), "sqlite:%s/gaff.db", directory);
	assert_string_equal(c->workers[0].store.url, expected);
	assert_int_equal(c->workers[0].store.dedup_ms, 2 * 86400000);
	assert_string_equal(c->workers[0].metrics, "127.0.0.1:9464");
	assert_string_equal(c->workers[0].user, "daemon");
	assert_true(config_has_user(c));
	source = config_source(c, "github");
	assert_non_null(source);
	assert_string_equal(source->path, "/hooks/github");
	assert_non_null(source->keys);
	assert_int_equal(source->silent_after_ms, 3600000);
	assert_int_equal(source->keep_rejected, 20);
	assert_true(source->strict_replay);
	/* GitHub's delivery id is not signed. */
	assert_int_equal(source->dedup, EVENT_DEDUP_KEY_BODY);
	route = config_route(c, "deploy");
	assert_non_null(route);
	assert_string_equal(route->filter, ".ref ==\n\"refs/heads/main\"");
	assert_int_equal(route->argc, 5);
	assert_string_equal(route->argv[1], "a b");
	assert_string_equal(route->argv[2], "c\"d");
	assert_string_equal(route->argv[3], "e f");
	assert_string_equal(route->argv[4], "");
	assert_null(route->argv[5]);
	assert_int_equal(route->n_schedule, 3);
	assert_int_equal(route->schedule_ms[2], 600000);
	assert_int_equal(route->n_final, 2);
	assert_int_equal(route->type.n, 2);
	assert_string_equal(route->env.items[0], "NAME=va=lue");
	assert_string_equal(route->user, "nobody");
	assert_int_equal(route->failing_over, 25);
	route = config_route(c, "mirror");
	assert_int_equal(route->dest, CONFIG_DEST_POST);
	assert_int_equal(route->failing_over, 10);
	/* The gateway does not open what the worker signs with. */
	assert_null(route->sign_keys);
	assert_int_equal(strlen(c->hash), 8);
	config_unref(c);
	buf_clear(&errors);
}

static void
test_roles(void **state)
{
	struct buf errors = {0};
	struct config *c = load(good, CONFIG_ROLE_WORKER, &errors);

	(void)state;
	assert_non_null(c);
	assert_null(config_source(c, "github")->keys);
	assert_non_null(config_route(c, "mirror")->sign_keys);
	config_unref(c);
	c = load(good, CONFIG_ROLE_NONE, &errors);
	assert_non_null(c);
	assert_null(config_source(c, "github")->keys);
	assert_null(config_route(c, "mirror")->sign_keys);
	config_unref(c);
	buf_clear(&errors);
}

/* What a handler's environment holds is opened by whoever starts it. */
static void
test_secrets_of_users(void **state)
{
	static const char text[] = "[worker local]\n"
				   "user = daemon\n"
				   "[route ours]\n"
				   "run = /bin/true\n"
				   "env = T=file:secrets/github\n"
				   "[route theirs]\n"
				   "run = /bin/true\n"
				   "user = daemon\n"
				   "env = T=file:secrets/github\n";
	static const char unread[] = "T=file:secrets/github";
	struct buf errors = {0};
	struct config *c = load(text, CONFIG_ROLE_WORKER, &errors);

	(void)state;
	assert_non_null(c);
	assert_string_not_equal(config_route(c, "ours")->env.items[0], unread);
	assert_string_equal(config_route(c, "theirs")->env.items[0], unread);
	config_unref(c);
	c = load(text, CONFIG_ROLE_RUN, &errors);
	if (geteuid() == 0) {
		assert_non_null(c);
		assert_string_equal(
		    config_route(c, "ours")->env.items[0], unread);
		assert_string_not_equal(
		    config_route(c, "theirs")->env.items[0], unread);
	} else {
		assert_null(c);
		support_contains(buf_str(&errors), "not read as root");
	}
	config_unref(c);
	buf_clear(&errors);
}

/* Load a good start plus `text`; expect this line, and nothing loaded. */
static void
expect_fault(const char *text, const char *sentence)
{
	static const char start[] = "[worker local]\n";
	struct buf errors = {0}, all = {0};
	struct config *c;

	(void)buf_printf(&all, "%s%s", start, text);
	c = load(buf_str(&all), CONFIG_ROLE_CHECK, &errors);
	if (c != NULL || strstr(buf_str(&errors), sentence) == NULL)
		print_error("given:\n%s\nexpected: %s\nfound: %s\n", text,
		    sentence, c ? "nothing" : buf_str(&errors));
	assert_null(c);
	assert_non_null(strstr(buf_str(&errors), sentence));
	buf_clear(&errors);
	buf_clear(&all);
}

static void
test_faults(void **state)
{
	static const struct {
		const char *text;
		const char *sentence;
	} cases[] = {
	    {"[gateway]\nthreads = many\n",
		"gaff.conf:3: threads: \"many\": expected a number"},
	    {"[gateway]\nthread = 4\n", "unknown key \"thread\" (threads?)"},
	    {"[gatewy]\n", "unknown section [gatewy] (gateway?)"},
	    {"[gateway]\nanswer_within = 4\n", "expected a duration"},
	    {"[gateway]\nmax_body = 25\n", "expected a size"},
	    {"[gateway]\nhttps = maybe\n", "expected no, warn, required"},
	    {"[gateway]\nthreads = 4\nthreads = 5\n",
		"threads is given twice; the first is at"},
	    {"[gateway]\n[gateway]\n", "already defined at"},
	    {"[gateway x]\n", "[gateway] takes no name"},
	    {"[source]\n", "[source] needs a name"},
	    {"[source a/b]\n", "section name \"a/b\""},
	    {"[source .a]\n", "section name \".a\""},
	    {"[source x\n", "section without \"]\""},
	    {"nonsense\n", "expected [section], key = value"},
	    {"[gateway]\nprefix =\n", "has no value"},
	    {"[gateway]\nprefix = hooks/\n", "prefix: \"hooks/\""},
	    {"[gateway]\nprefix = /a/\n", "prefix: \"/a/\""},
	    {"[gateway]\nprefix = /a\n  b\n", "does not go on"},
	    {"[source s]\nscheme = githb\n",
		"unknown scheme \"githb\" (github?)"},
	    {"[source s]\nsecret = 0123456789\n", "needs a scheme"},
	    {"[source s]\nscheme = github\n", "needs a secret"},
	    {"[source s]\nscheme = github\nsecret = short\n", "8"},
	    {"[source s]\nscheme = github\nsecret = file:none\n", "none"},
	    {"[source s]\nscheme = none\n", "lets everybody in"},
	    {"[source s]\nscheme = none\nunverified = yes\n"
	     "[source t]\nscheme = none\nunverified = yes\npath = /hooks/s\n",
		"is already source s's"},
	    {"[source s]\nscheme = none\nunverified = yes\npath = /a/../b\n",
		"path: "},
	    {"[source s]\nscheme = none\nallow = 10.0.0.0/40\n",
		"expected an address"},
	    {"[source s]\nscheme = stripe\nsecret = 0123456789\n"
	     "strict_replay = yes\n",
		"strict_replay = yes: its scheme signs the id"},
	    {"[source s]\nscheme = github\nsecret = 0123456789\n"
	     "dedup = body\nstrict_replay = yes\n",
		"dedup = body knows each body already"},
	    {"[source s]\nscheme = github\nsecret = 0123456789\n"
	     "dedup = none\nstrict_replay = yes\n",
		"dedup = none compares nothing"},
	    {"[source s]\nscheme = hmac\nsecret = 0123456789\n"
	     "strict_replay = yes\n",
		"its scheme finds no id"},
	    {"[source gaff]\nscheme = none\nunverified = yes\n",
		"is gaff's own"},
	    {"[route r]\n", "needs either run = PROGRAM or post = URL"},
	    {"[route r]\nrun = /bin/true\npost = http://x/\n",
		"needs only one of"},
	    {"[route r]\nrun = /bin/true $HOME\n", "no shell runs"},
	    {"[route r]\nrun = /bin/true 'a\n", "is not closed"},
	    {"[route r]\nrun = true\n", "needs its path"},
	    {"[route r]\nrun = /no/such/program\n", "no such file"},
	    {"[route r]\nrun = /bin/true\nfinal = 700\n", "final: \"700\""},
	    {"[route r]\nrun = /bin/true\nschedule = 5s x\n",
		"schedule: \"x\""},
	    {"[route r]\nrun = /bin/true\nsource = gitlab\n",
		"source \"gitlab\" matches no source"},
	    {"[route r]\nrun = /bin/true\nenv = 1\n", "env: expected"},
	    {"[route r]\nrun = /bin/true\nsign = hmac\n", "go together"},
	    {"[route r]\npost = ftp://x/\n", "expected https://"},
	    {"[route r]\npost = https://x/\ndirectory = /\n",
		"directory goes with run"},
	    {"[store]\nurl = mysql:x\n", "expected sqlite:PATH"},
	    {"[store]\nkeep_delivered = 7\n", "expected a duration"},
	    {"[store]\nreserve = 1M\n", "reserve: \"1M\": expected 8"},
	    {"[worker w]\n[worker x]\ndata = ipc:///run/gaff/w.data\n",
		"is the same as that of worker w"},
	    {"[worker w]\ndata = udp://x\n", "expected ipc://PATH"},
	    {"[worker w]\nmetrics = here\n", "expected HOST:PORT"},
	    {"[worker w]\nmetrics = :1\n", "expected HOST:PORT"},
	    {"[worker w]\nmetrics = a:70000\n", "expected HOST:PORT"},
	    {"[route r]\nrun = /bin/true\nfailing_over = 10\n",
		"expected 1% to 100%"},
	    {"[route r]\nrun = /bin/true\nfailing_over = 101%\n",
		"expected 1% to 100%"},
	    {"[route r]\npost = https://x/\nuser = x\n", "user goes with run"},
	    {"[route r]\nrun = /bin/true\nuser = daemon\n",
		"user goes with user in [worker local]"},
	    {"user = daemon\n[route r]\nrun = /bin/true\nuser = no-one-here\n",
		"user: no-one-here: no such user"},
	    {"user = daemon\n[route r]\nrun = /bin/true\nuser = root\n",
		"nothing runs as root"},
	};

	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_fault(cases[i].text, cases[i].sentence);
}

/* A rule that was never seen to hold is warned of, and loaded. */
static void
test_weak(void **state)
{
	struct buf errors = {0}, warnings = {0};
	struct config *c;

	(void)state;
	write_file("gaff.conf",
	    "[worker local]\n"
	    "[source a]\nscheme = acuity\nsecret = 0123456789\n"
	    "[source b]\nscheme = github\nsecret = 0123456789\n"
	    "[source c]\nscheme = azure-event-grid\nsecret = 0123456789\n"
	    "[source d]\nscheme = cloudevents\nsecret = 0123456789\n",
	    0600);
	c = config_load(main_path, CONFIG_ROLE_CHECK, &errors, &warnings);
	assert_non_null(c);
	assert_non_null(strstr(buf_str(&warnings),
	    "source c: the secret stands in the URL (query:code)"));
	assert_non_null(strstr(
	    buf_str(&warnings), "gaff.conf:2: source a: scheme acuity is"));
	assert_non_null(strstr(buf_str(&warnings),
	    "source d: the secret stands in the URL (query:access_token)"));
	assert_null(strstr(buf_str(&warnings), "source b"));
	config_unref(c);
	buf_clear(&errors);
	buf_clear(&warnings);
}

static void
check_answer(const struct config *c, const char *name, int status,
    const char *body, const char *type)
{
	const struct config_source *source = c->sources;

	while (strcmp(source->name, name) != 0)
		source++;
	assert_int_equal(source->response_status, status);
	assert_string_equal(
	    source->response_body ? source->response_body : "ours", body);
	assert_string_equal(
	    source->response_type ? source->response_type : "ours", type);
}

/* A source answers as it says itself, else as its scheme does. */
static void
test_answers(void **state)
{
	struct buf errors = {0};
	struct config *c =
	    load("[worker local]\n"
		 "[source a]\nscheme = github\nsecret = 0123456789\n"
		 "[source b]\nscheme = github\nsecret = 0123456789\n"
		 "response_status = 201\nresponse_body = thanks\n"
		 "[scheme mine]\nkind = token\nsignature = header:x-t\n"
		 "response_status = 202\nresponse_body = taken\n"
		 "response_type = text/html\n"
		 "[source c]\nscheme = mine\nsecret = 0123456789\n"
		 "[source d]\nscheme = mine\nsecret = 0123456789\n"
		 "response_status = 204\nresponse_body = own\n",
		CONFIG_ROLE_GATEWAY, &errors);

	(void)state;
	assert_non_null(c);
	check_answer(c, "a", 200, "ours", "ours");
	check_answer(c, "b", 201, "thanks", "ours");
	check_answer(c, "c", 202, "taken", "text/html");
	check_answer(c, "d", 204, "own", "text/html");
	config_unref(c);
	buf_clear(&errors);
}

/* Every fault is told at once, in the order of the lines. */
static void
test_all_at_once(void **state)
{
	struct buf errors = {0};
	struct config *c = load("[gateway]\n"
				"threads = x\n"
				"nonsense = 1\n"
				"[worker w]\n"
				"[source s]\n"
				"scheme = zzz\n",
	    CONFIG_ROLE_GATEWAY, &errors);
	const char *first, *second, *third;

	(void)state;
	assert_null(c);
	assert_non_null(buf_str(&errors));
	first = strstr(errors.p, "gaff.conf:2: ");
	second = strstr(errors.p, "gaff.conf:3: ");
	third = strstr(errors.p, "gaff.conf:6: ");
	assert_true(first != NULL && first < second && second < third);
	buf_clear(&errors);
}

static void
test_conf_d(void **state)
{
	struct buf errors = {0};
	struct config *c;

	(void)state;
	write_file("conf.d/a.conf",
	    "[source a]\nscheme = none\nunverified = yes\n", 0644);
	write_file("conf.d/b.conf", "threads = 3\n", 0644);
	c = load("[worker w]\n[gateway]\n", CONFIG_ROLE_GATEWAY, &errors);
	assert_null(c);
	assert_non_null(strstr(buf_str(&errors),
	    "conf.d/b.conf:1: key \"threads\" stands before"));
	buf_reset(&errors);
	write_file("conf.d/b.conf",
	    "[source a]\nscheme = none\nunverified = yes\n", 0644);
	c = load("[worker w]\n", CONFIG_ROLE_GATEWAY, &errors);
	assert_null(c);
	assert_non_null(strstr(buf_str(&errors), "conf.d/b.conf:1: source a: "
						 "already defined at "));
	buf_reset(&errors);
	write_file("conf.d/b.conf", "# nothing\n", 0644);
	c = load("[worker w]\n", CONFIG_ROLE_GATEWAY, &errors);
	assert_non_null(c);
	assert_int_equal(c->n_files, 3);
	assert_non_null(config_source(c, "a"));
	config_unref(c);
	buf_clear(&errors);
}

static void
test_bare_secret(void **state)
{
	static const char text[] = "[worker w]\n[source s]\nscheme = github\n"
				   "secret = 0123456789abcdef\n";
	struct buf errors = {0};
	struct config *c = load(text, CONFIG_ROLE_GATEWAY, &errors);

	(void)state;
	assert_non_null(c);
	config_unref(c);
	write_file("gaff.conf", text, 0644);
	c = config_load(main_path, CONFIG_ROLE_GATEWAY, &errors, NULL);
	assert_null(c);
	assert_non_null(strstr(buf_str(&errors), "everybody can read"));
	/* The value itself is never told. */
	assert_null(strstr(errors.p, "0123456789abcdef"));
	buf_clear(&errors);
}

static void
test_allow_file(void **state)
{
	struct buf errors = {0};
	struct config *c;

	(void)state;
	write_file(
	    "list.cidr", "# hooks\n192.0.2.0/24\n2001:db8::/32 # six\n", 0644);
	c = load("[worker w]\n[source s]\nscheme = none\n"
		 "allow = file:list.cidr\nallow = 127.0.0.1\n",
	    CONFIG_ROLE_GATEWAY, &errors);
	assert_non_null(c);
	assert_int_equal(c->sources[0].allow.n, 3);
	config_unref(c);
	write_file("list.cidr", "192.0.2.0/24\nnonsense\n", 0644);
	c = load("[worker w]\n[source s]\nscheme = none\n"
		 "allow = file:list.cidr\n",
	    CONFIG_ROLE_GATEWAY, &errors);
	assert_null(c);
	assert_non_null(strstr(buf_str(&errors), "line 2: \"nonsense\""));
	buf_clear(&errors);
	/* nothing at all would allow everybody */
	write_file("list.cidr", "# hooks\n\n", 0644);
	c = load("[worker w]\n[source s]\nscheme = token\nsecret = 0123456789\n"
		 "allow = file:list.cidr\n",
	    CONFIG_ROLE_GATEWAY, &errors);
	assert_null(c);
	assert_non_null(strstr(buf_str(&errors), "list.cidr has no address"));
	buf_clear(&errors);
}

static void
test_unreadable(void **state)
{
	struct buf errors = {0};

	(void)state;
	assert_null(config_load(
	    "/nonexistent/gaff.conf", CONFIG_ROLE_GATEWAY, &errors, NULL));
	assert_non_null(
	    strstr(buf_str(&errors), "/nonexistent/gaff.conf:0: cannot be "
				     "read: No such file or directory"));
	buf_clear(&errors);
}

/* With faults there is enough left to ask the workers. */
static void
test_workers_alone(void **state)
{
	static const char faulty[] = "[worker one]\n"
				     "admin = ipc:///run/one.admin\n"
				     "colour = red\n"
				     "[worker two]\n"
				     "admin = nowhere\n"
				     "[source s]\n"
				     "scheme = none\n"
				     "unverified = yes\n"
				     "[route r]\n"
				     "runs = /bin/true\n";
	struct config *c;
	size_t n_faults;

	(void)state;
	write_file("gaff.conf", faulty, 0600);
	c = config_load_workers(main_path, &n_faults);
	assert_non_null(c);
	assert_true(n_faults >= 3);
	assert_string_equal(
	    config_worker(c, "one")->admin, "ipc:///run/one.admin");
	assert_int_equal(c->n_sources, 0);
	assert_int_equal(c->n_routes, 0);
	config_unref(c);
	write_file("gaff.conf", good, 0600);
	c = config_load_workers(main_path, &n_faults);
	assert_non_null(c);
	assert_int_equal(n_faults, 0);
	assert_true(c->n_routes > 0);
	config_unref(c);
	c = config_load_workers("/nonexistent/gaff.conf", &n_faults);
	assert_non_null(c);
	assert_int_equal(n_faults, 1);
	assert_int_equal(c->n_workers, 0);
	config_unref(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_roles),
	    cmocka_unit_test(test_secrets_of_users),
	    cmocka_unit_test(test_faults),
	    cmocka_unit_test(test_weak),
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_all_at_once),
	    cmocka_unit_test_teardown(test_conf_d, clean_up),
	    cmocka_unit_test(test_bare_secret),
	    cmocka_unit_test(test_allow_file),
	    cmocka_unit_test(test_unreadable),
	    cmocka_unit_test(test_workers_alone),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
