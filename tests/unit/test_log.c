#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "../../shared/log.h"
#include "support.h"

/* What one log_write() prints. */
static char *
line(enum log_format format, enum log_level level, const char *msg,
    const struct log_field *fields)
{
	log_open(LOG_TO_STDERR, format, "test");
	support_stderr_begin();
	log_write(level, msg, fields);
	log_open(LOG_TO_STDERR, LOG_FORMAT_TEXT, "test");
	return support_stderr_end();
}

#define FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {0}})

static void
check(enum log_format format, const char *expected, const char *msg,
    const struct log_field *fields)
{
	char *found = line(format, LOG_LEVEL_INFO, msg, fields);

	assert_string_equal(found, expected);
	free(found);
}

static void
test_text(void **state)
{
	(void)state;
	check(LOG_FORMAT_TEXT, "level=info msg=started\n", "started",
	    FIELDS(LOG_NONE));
	check(LOG_FORMAT_TEXT,
	    "level=info msg=link_down worker=local bytes=-5 big="
	    "9223372036854775807\n",
	    "link_down",
	    FIELDS(log_str("worker", "local"), log_int("bytes", -5),
		log_int("big", INT64_MAX)));
	check(LOG_FORMAT_TEXT, "level=info msg=x b=1\n", "x",
	    FIELDS(log_str("a", NULL), log_str("", ""), log_str("c", ""),
		log_int("b", 1)));
	check(LOG_FORMAT_TEXT,
	    "level=info msg=x a=\"b c\" d=\"e=f\" g=\"\\\"\" h=\"\\\\\" "
	    "i=/p?q&r\n",
	    "x",
	    FIELDS(log_str("a", "b c"), log_str("d", "e=f"), log_str("g", "\""),
		log_str("h", "\\"), log_str("i", "/p?q&r")));
}

static void
test_json(void **state)
{
	(void)state;
	check(LOG_FORMAT_JSON, "{\"level\":\"info\",\"msg\":\"started\"}\n",
	    "started", FIELDS(LOG_NONE));
	check(LOG_FORMAT_JSON,
	    "{\"level\":\"info\",\"msg\":\"x\",\"a\":\"b\\\"c\",\"n\":17}\n",
	    "x", FIELDS(log_str("a", "b\"c"), log_int("n", 17)));
	check(LOG_FORMAT_JSON,
	    "{\"level\":\"info\",\"msg\":\"x\",\"ms\":3.1,"
	    "\"suppressed\":118,\"since\":\"60s\"}\n",
	    "x",
	    FIELDS(log_tenths("ms", 31), log_count("none", 0),
		log_suppressed(118), log_suppressed(0)));
}

static void
test_levels(void **state)
{
	static const char *const expected[LOG_LEVEL__MAX] = {
	    "level=error msg=x\n", "level=warn msg=x\n", "level=info msg=x\n"};

	(void)state;
	for (enum log_level level = 0; level < LOG_LEVEL__MAX; level++) {
		char *found =
		    line(LOG_FORMAT_TEXT, level, "x", FIELDS(LOG_NONE));

		assert_string_equal(found, expected[level]);
		free(found);
	}
}

static void
test_macros(void **state)
{
	char *found;

	(void)state;
	support_stderr_begin();
	log_error("a", LOG_NONE);
	log_warn("b", log_int("n", 1));
	log_info("c", log_str("s", "t"), log_int("n", 2));
	found = support_stderr_end();
	assert_string_equal(found, "level=error msg=a\nlevel=warn msg=b n=1\n"
				   "level=info msg=c s=t n=2\n");
	free(found);
}

/* Foreign text cannot begin a line, end a value or reach the terminal. */
static void
test_foreign(void **state)
{
	static const char *const texts[] = {"a\nlevel=error msg=forged",
	    "\x1b[31mred", "a\" b=\"c", "\xff\xfe", "\xe2\x80", "tab\there",
	    "del\x7f", "nul\\u0000", "\r\n", "\x9b\x31m"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const struct log_field *fields = FIELDS(log_str("v", texts[i]));
		char *text =
		    line(LOG_FORMAT_TEXT, LOG_LEVEL_INFO, texts[i], fields);
		char *json =
		    line(LOG_FORMAT_JSON, LOG_LEVEL_INFO, texts[i], fields);
		json_t *object = json_loads(json, 0, NULL);

		assert_non_null(object);
		json_decref(object);
		assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
		assert_ptr_equal(strchr(json, '\n'), json + strlen(json) - 1);
		for (const char *p = text; p[1] != '\0'; p++)
			assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
		support_contains(text, " v=\"");
		free(text);
		free(json);
	}
}

static void
test_cut(void **state)
{
	char value[LOG_VALUE_MAX + 100];
	char *found;

	(void)state;
	memset(value, 'x', sizeof value);
	value[LOG_VALUE_MAX] = '\0';
	found = line(
	    LOG_FORMAT_TEXT, LOG_LEVEL_INFO, "m", FIELDS(log_str("v", value)));
	assert_int_equal(
	    strlen(found), strlen("level=info msg=m v=\n") + LOG_VALUE_MAX);
	free(found);

	value[LOG_VALUE_MAX] = 'y';
	value[sizeof value - 1] = '\0';
	found = line(
	    LOG_FORMAT_TEXT, LOG_LEVEL_INFO, "m", FIELDS(log_str("v", value)));
	assert_null(strchr(found, 'y'));
	support_contains(found, "x…\"\n");
	free(found);
}

static void
test_without_memory(void **state)
{
	char *found;

	(void)state;
	support_stderr_begin();
	support_fail_alloc(1);
	errno = EAGAIN;
	log_info("lost", LOG_NONE);
	assert_int_equal(errno, EAGAIN);
	support_fail_alloc(0);
	found = support_stderr_end();
	assert_string_equal(found, "level=error msg=no_memory\n");
	free(found);
}

/* Log into a full pipe or socket whose reader has stalled; once it reads again
 * it is told how much it missed. */
static void
try_stalled(int reader, int writer)
{
	char text[65536];
	ssize_t n;
	int kept = dup(STDERR_FILENO);

	assert_true(dup2(writer, STDERR_FILENO) >= 0);
	log_open(LOG_TO_STDERR, LOG_FORMAT_TEXT, "test");
	for (int i = 0; i < 20000; i++)
		log_info("many", LOG_NONE);
	n = read(reader, text, sizeof(text));
	log_info("again", LOG_NONE);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	log_open(LOG_TO_STDERR, LOG_FORMAT_TEXT, "test");
	(void)close(kept);
	assert_true(n > 0);
	assert_memory_equal(text, "level=info msg=many\n", 20);
	(void)close(writer);
	while ((n = read(reader, text, sizeof(text) - 1)) > 0)
		text[n] = '\0';
	assert_non_null(strstr(text, "level=warn msg=log_lost lines="));
	assert_non_null(strstr(text, "\nlevel=info msg=again\n"));
	(void)close(reader);
}

static void
test_stalled_reader(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	try_stalled(ends[0], ends[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	try_stalled(ends[0], ends[1]);
}

/* What a pipe has got so far. */
static void
expect(int reader, const char *expected)
{
	char text[2 * LOG_HELD_MAX];
	ssize_t n = read(reader, text, sizeof text - 1);

	text[n > 0 ? n : 0] = '\0';
	assert_string_equal(text, expected);
}

static void
expect_lines(int reader, const char *line, size_t n)
{
	char text[2 * LOG_HELD_MAX] = "";

	for (size_t i = 0; i < n; i++)
		memcpy(text + i * strlen(line), line, strlen(line) + 1);
	expect(reader, text);
}

static void
test_held(void **state)
{
	static struct log_held held;
	static const char line[] = "level=info msg=one\n";
	size_t fit = LOG_HELD_MAX / (sizeof line - 1);
	int kept = dup(STDERR_FILENO);
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	log_hold(&held);
	log_info("one", LOG_NONE);
	log_info("one", LOG_NONE);
	expect(ends[0], "");
	log_release();
	expect_lines(ends[0], line, 2);
	log_release();
	expect(ends[0], "");
	/* a fault is told at once, and in its turn */
	log_info("one", LOG_NONE);
	log_error("two", LOG_NONE);
	expect(ends[0], "level=info msg=one\nlevel=error msg=two\n");
	/* no more than there is room for */
	for (size_t i = 0; i < fit + 1; i++)
		log_info("one", LOG_NONE);
	expect_lines(ends[0], line, fit);
	log_hold(NULL);
	expect_lines(ends[0], line, 1);
	log_info("one", LOG_NONE);
	expect_lines(ends[0], line, 1);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	(void)close(kept);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

/* One line of LOG_TO_AUTO while this is standard error. */
static void
log_auto(int fd)
{
	int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	log_open(LOG_TO_AUTO, LOG_FORMAT_TEXT, "gaff-test");
	log_info("hello", LOG_NONE);
	log_open(LOG_TO_STDERR, LOG_FORMAT_TEXT, "gaff-test");
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
}

static void
test_auto(void **state)
{
	int ends[2];
	char bytes[64], name[64];
	struct stat st;
	char *dir = support_dir();
	char *path = support_path(dir, "log");
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	log_auto(ends[1]);
	n = read(ends[0], bytes, sizeof bytes);
	assert_int_equal(n, strlen("level=info msg=hello\n"));
	/* the journal takes priorities */
	assert_int_equal(fstat(ends[1], &st), 0);
	(void)snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", name, 1), 0);
	log_auto(ends[1]);
	n = read(ends[0], bytes, sizeof bytes);
	assert_int_equal(n, strlen("<6>level=info msg=hello\n"));
	assert_memory_equal(bytes, "<6>level=info", 13);
	/* … but another pipe is none, whatever the environment says */
	assert_int_equal(setenv("JOURNAL_STREAM", "1:1", 1), 0);
	log_auto(ends[1]);
	n = read(ends[0], bytes, sizeof bytes);
	assert_int_equal(n, strlen("level=info msg=hello\n"));
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	/* a regular file that nobody rotates is no place for a log */
	assert_int_not_equal(file, -1);
	log_auto(file);
	assert_int_equal(lseek(file, 0, SEEK_CUR), 0);
	(void)close(file);
	(void)close(ends[0]);
	(void)close(ends[1]);
	free(path);
	support_dir_remove(dir);
}

static void
test_allow(void **state)
{
	struct log_limit limit = {0};
	unsigned suppressed = 99;
	int64_t now = 5000;

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(log_allow(&limit, 10, now, &suppressed), 1);
		assert_int_equal(suppressed, 0);
	}
	for (int i = 0; i < 118; i++)
		assert_int_equal(
		    log_allow(&limit, 10, now + 59999, &suppressed), 0);
	/* the next minute's first line says what was left out, once */
	assert_int_equal(log_allow(&limit, 10, now + 60000, &suppressed), 1);
	assert_int_equal(suppressed, 118);
	assert_int_equal(log_allow(&limit, 10, now + 60000, &suppressed), 1);
	assert_int_equal(suppressed, 0);
	/* a budget of none */
	limit = (struct log_limit){0};
	assert_int_equal(log_allow(&limit, 0, now, &suppressed), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_levels),
	    cmocka_unit_test(test_macros),
	    cmocka_unit_test(test_foreign),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_without_memory),
	    cmocka_unit_test(test_stalled_reader),
	    cmocka_unit_test(test_held),
	    cmocka_unit_test(test_auto),
	    cmocka_unit_test(test_allow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
