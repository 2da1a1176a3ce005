/* deadletter: real files. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/clock.h"
#include "../../shared/deadletter.h"
#include "graves.h"
#include "support.h"

static const char body[] = GRAVES_BODY;
static const char name[] = GRAVES_NAME;

static const char *
text(const json_t *head, const char *member)
{
	const char *value = json_string_value(json_object_get(head, member));

	return value != NULL ? value : "(none)";
}

static void
test_write_and_read(void **state)
{
	char *dir = support_dir(), *path = support_path(dir, name);
	struct event event = graves_event();
	struct deadletter letter = graves_letter(&event);
	char found[DEADLETTER_NAME_MAX], error[256];
	json_t *head;
	void *bytes;
	size_t len;
	struct stat st;

	(void)state;
	deadletter_name(&letter, found);
	assert_string_equal(found, name);
	assert_int_equal(
	    deadletter_write(dir, (gid_t)-1, &letter), DEADLETTER_WRITTEN);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(deadletter_read(path, &head, &bytes, &len, error), 0);
	assert_int_equal(len, GRAVES_BODY_LEN);
	assert_memory_equal(bytes, body, GRAVES_BODY_LEN);
	assert_int_equal(
	    json_integer_value(json_object_get(head, "format")), 1);
	assert_string_equal(
	    text(head, "id"), "01020304-0506-7708-890a-0b0c0d0e0f10");
	assert_string_equal(text(head, "source"), "github");
	assert_string_equal(text(head, "key"), "../../x\"\n");
	assert_string_equal(text(head, "type"), "push");
	assert_string_equal(text(head, "route"), "deploy");
	assert_int_equal(
	    json_integer_value(json_object_get(head, "replay")), 2);
	assert_string_equal(text(head, "scheme"), "github");
	assert_string_equal(text(head, "worker"), "local");
	assert_string_equal(
	    text(head, "received_at"), "2026-11-22T03:34:40.123Z");
	assert_string_equal(text(head, "died_at"), "2026-11-22T03:34:50.000Z");
	assert_string_equal(text(head, "reason"), "expired");
	assert_string_equal(text(head, "remote"), "192.0.2.1");
	assert_string_equal(text(head, "query"), "a=-");
	assert_string_equal(text(head, "content_type"), "text/plain");
	assert_string_equal(text(json_object_get(head, "headers"), "x-b"), "2");
	assert_string_equal(
	    text(json_array_get(json_object_get(head, "attempts"), 0),
		"outcome"),
	    "exit:1");
	json_decref(head);
	free(bytes);
	free(path);
	support_dir_remove(dir);
}

/* What DESIGN promises: head -n1 | jq, tail -n +2. */
static void
test_tools_read_it(void **state)
{
	char *dir = support_dir(), command[512], *out, *path;
	struct event event = graves_event();
	struct deadletter letter = graves_letter(&event);
	size_t len;

	(void)state;
	deadletter_write(dir, (gid_t)-1, &letter);
	snprintf(command, sizeof(command),
	    "cd %s && head -n1 %s | jq -r .route > a && tail -n +2 %s > b", dir,
	    name, name);
	support_shell(command);
	out = support_read(path = support_path(dir, "a"), NULL);
	assert_string_equal(out, "deploy\n");
	free(out);
	free(path);
	out = support_read(path = support_path(dir, "b"), &len);
	assert_int_equal(len, GRAVES_BODY_LEN);
	assert_memory_equal(out, body, GRAVES_BODY_LEN);
	free(out);
	free(path);
	support_dir_remove(dir);
}

/* Written again after a crash between rename and settling: it is done.  A file
 * of that name that is something else is kept, and said. */
static void
test_again(void **state)
{
	char *dir = support_dir(), *path = support_path(dir, name), *said;
	struct event event = graves_event();
	struct deadletter letter = graves_letter(&event);

	(void)state;
	deadletter_write(dir, (gid_t)-1, &letter);
	assert_int_equal(
	    deadletter_write(dir, (gid_t)-1, &letter), DEADLETTER_WRITTEN);
	assert_int_equal(graves_count(dir, ""), 1);
	support_write(path, "planted", 7, 0640);
	support_stderr_begin();
	assert_int_equal(
	    deadletter_write(dir, (gid_t)-1, &letter), DEADLETTER_FAILED);
	said = support_stderr_end();
	support_contains(said, "another file has this name");
	free(said);
	said = support_read(path, NULL);
	assert_string_equal(said, "planted");
	free(said);
	assert_int_equal(graves_count(dir, ""), 1);
	free(path);
	support_dir_remove(dir);
}

/* Temporary files of an earlier life: swept, and no obstacle. */
static void
test_leftovers(void **state)
{
	char *dir = support_dir(), *path;
	struct event event = graves_event();
	struct deadletter letter = graves_letter(&event);

	(void)state;
	path = support_path(
	    dir, ".tmp-01020304-0506-7708-890a-0b0c0d0e0f10.deploy.2.dead");
	support_write(path, "half", 4, 0600);
	assert_int_equal(
	    deadletter_write(dir, (gid_t)-1, &letter), DEADLETTER_WRITTEN);
	support_write(path, "half", 4, 0600);
	assert_int_equal(deadletter_sweep(dir), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(graves_count(dir, ""), 1);
	free(path);
	support_dir_remove(dir);
}

/* A link planted where the day's folder or the file should be. */
static void
test_links(void **state)
{
	char *dir = support_dir(), *other = support_dir(), *path;
	struct event event = graves_event();
	struct deadletter letter = graves_letter(&event);

	(void)state;
	path = support_path(dir, "2026-11-22");
	assert_int_equal(symlink(other, path), 0);
	support_stderr_begin();
	assert_int_equal(
	    deadletter_write(dir, (gid_t)-1, &letter), DEADLETTER_FAILED);
	free(support_stderr_end());
	assert_int_equal(graves_count(other, ""), 0);
	assert_int_equal(graves_count(dir, ""), 0);
	free(path);
	support_dir_remove(other);
	support_dir_remove(dir);
}

static void
damaged(const char *path, const char *bytes, size_t len, const char *why)
{
	char error[256];
	json_t *head;
	void *content;
	size_t n;

	support_write(path, bytes, len, 0640);
	assert_int_equal(deadletter_read(path, &head, &content, &n, error), -1);
	support_contains(error, why);
}

static void
test_damaged(void **state)
{
	char *dir = support_dir(), *path = support_path(dir, name), *bytes;
	struct event event = graves_event();
	struct deadletter letter = graves_letter(&event);
	size_t len;

	(void)state;
	deadletter_write(dir, (gid_t)-1, &letter);
	bytes = support_read(path, &len);
	damaged(path, bytes, len - 1, "not as long");
	bytes[len - 1] ^= 1;
	damaged(path, bytes, len, "not what the head says");
	damaged(path, bytes, 20, "no JSON");
	damaged(path, "{\"format\":9}\n", 13, "format");
	free(bytes);
	free(path);
	support_dir_remove(dir);
}

/* ---- walking ---- */

struct walk {
	char seen[512];
	unsigned n;
};

static int
note(void *arg, const char *path)
{
	struct walk *walk = arg;

	strncat(walk->seen, strrchr(path, '/') + 1,
	    sizeof(walk->seen) - strlen(walk->seen) - 1);
	strncat(walk->seen, " ", sizeof(walk->seen) - strlen(walk->seen) - 1);
	walk->n++;
	return walk->n == 3 ? 7 : 0;
}

static void
test_each(void **state)
{
	char *dir = support_dir();
	struct walk walk = {0};

	(void)state;
	assert_int_equal(deadletter_each(dir, note, &walk), 0);
	graves_touch(dir, "2026-11-23", "b.dead");
	graves_touch(dir, "2026-11-23", "a.dead");
	graves_touch(dir, "2026-11-23", "a.txt");
	graves_touch(dir, "2026-11-22", "z.dead");
	graves_touch(dir, "2026-11-24", "y.dead");
	graves_touch(dir, "other", "n.dead");
	/* The walk is stopped at the third. */
	assert_int_equal(deadletter_each(dir, note, &walk), 7);
	assert_string_equal(walk.seen, "z.dead a.dead b.dead ");
	support_dir_remove(dir);
}

static void
test_retire(void **state)
{
	char *dir = support_dir(), *path = support_path(dir, name);
	struct event event = graves_event();
	struct deadletter letter = graves_letter(&event);

	(void)state;
	deadletter_write(dir, (gid_t)-1, &letter);
	assert_int_equal(deadletter_retire(dir, path), 0);
	assert_int_equal(graves_count(dir, "replayed"), 1);
	assert_int_equal(graves_count(dir, "2026-11-22"), 0);
	support_stderr_begin();
	assert_int_equal(deadletter_retire(dir, path), -1);
	free(support_stderr_end());
	free(path);
	support_dir_remove(dir);
}

int
main(void)
{
#define WITH_CLOCK(test)                                                       \
	cmocka_unit_test_setup_teardown(test, set_clock, unset_clock)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_write_and_read),
	    cmocka_unit_test(test_tools_read_it),
	    cmocka_unit_test(test_again),
	    cmocka_unit_test(test_leftovers),
	    cmocka_unit_test(test_links),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_each),
	    cmocka_unit_test(test_retire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
