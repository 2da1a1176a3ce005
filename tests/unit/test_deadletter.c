/* deadletter and deadletters: real files. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "../../shared/clock.h"
#include "../../shared/deadletter.h"
#include "../../worker/deadletters.h"
#include "support.h"

static const char body[] = "line\n\0\xff end";
static const char name[] =
    "2026-11-22/01020304-0506-7708-890a-0b0c0d0e0f10.deploy.2.dead";

enum { BODY_LEN = sizeof(body) - 1 };

static struct event
an_event(void)
{
	struct event event = {
	    .id = {1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, 16},
	    .received_at_ms = 1795318480123,
	    .source = "github",
	    .key = "../../x\"\n",
	    .type = "push",
	    .remote = "192.0.2.1",
	    .method = "POST",
	    .path = "/hooks/github",
	    .query = "a=-",
	    .content_type = "text/plain",
	    .headers = "{\"x-a\": \"1\",\n\"x-b\": \"2\"}",
	    .scheme = "github",
	    .body = body,
	    .body_len = BODY_LEN};

	assert_int_equal(
	    EVP_Digest(body, BODY_LEN, event.sha256, NULL, EVP_sha256(), NULL),
	    1);
	return event;
}

static struct deadletter
a_letter(const struct event *event)
{
	return (struct deadletter){.event = event,
	    .route = "deploy",
	    .replay = 2,
	    .worker = "local",
	    .reason = "expired",
	    .attempts = "[{\"at\":\"2026-11-22T03:00:00.000Z\",\"ms\":3,"
			"\"outcome\":\"exit:1\",\"detail\":\"no\"}]",
	    .deliver = "/bin/false",
	    .died_at_ms = 1795318490000};
}

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
	struct event event = an_event();
	struct deadletter letter = a_letter(&event);
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
	assert_int_equal(len, BODY_LEN);
	assert_memory_equal(bytes, body, BODY_LEN);
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
	struct event event = an_event();
	struct deadletter letter = a_letter(&event);
	size_t len;

	(void)state;
	deadletter_write(dir, (gid_t)-1, &letter);
	snprintf(command, sizeof(command),
	    "cd %s && head -n1 %s | jq -r .route > a && tail -n +2 %s > b", dir,
	    name, name);
	assert_int_equal(system(command), 0);
	out = support_read(path = support_path(dir, "a"), NULL);
	assert_string_equal(out, "deploy\n");
	free(out);
	free(path);
	out = support_read(path = support_path(dir, "b"), &len);
	assert_int_equal(len, BODY_LEN);
	assert_memory_equal(out, body, BODY_LEN);
	free(out);
	free(path);
	support_dir_remove(dir);
}

static unsigned
entries(const char *dir, const char *sub)
{
	char command[512], *path = support_path(dir, "count"), *out;
	unsigned n;

	snprintf(command, sizeof(command),
	    "find %s/%s -type f ! -name count ! -name .lock | wc -l > %s", dir,
	    sub, path);
	assert_int_equal(system(command), 0);
	out = support_read(path, NULL);
	n = (unsigned)atoi(out);
	unlink(path);
	free(out);
	free(path);
	return n;
}

/* Written again after a crash between rename and settling: it is done.  A file
 * of that name that is something else is kept, and said. */
static void
test_again(void **state)
{
	char *dir = support_dir(), *path = support_path(dir, name), *said;
	struct event event = an_event();
	struct deadletter letter = a_letter(&event);

	(void)state;
	deadletter_write(dir, (gid_t)-1, &letter);
	assert_int_equal(
	    deadletter_write(dir, (gid_t)-1, &letter), DEADLETTER_WRITTEN);
	assert_int_equal(entries(dir, ""), 1);
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
	assert_int_equal(entries(dir, ""), 1);
	free(path);
	support_dir_remove(dir);
}

/* Temporary files of an earlier life: swept, and no obstacle. */
static void
test_leftovers(void **state)
{
	char *dir = support_dir(), *path;
	struct event event = an_event();
	struct deadletter letter = a_letter(&event);

	(void)state;
	path = support_path(
	    dir, ".tmp-01020304-0506-7708-890a-0b0c0d0e0f10.deploy.2.dead");
	support_write(path, "half", 4, 0600);
	assert_int_equal(
	    deadletter_write(dir, (gid_t)-1, &letter), DEADLETTER_WRITTEN);
	support_write(path, "half", 4, 0600);
	assert_int_equal(deadletter_sweep(dir), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(entries(dir, ""), 1);
	free(path);
	support_dir_remove(dir);
}

/* A link planted where the day's folder or the file should be. */
static void
test_links(void **state)
{
	char *dir = support_dir(), *other = support_dir(), *path;
	struct event event = an_event();
	struct deadletter letter = a_letter(&event);

	(void)state;
	path = support_path(dir, "2026-11-22");
	assert_int_equal(symlink(other, path), 0);
	support_stderr_begin();
	assert_int_equal(
	    deadletter_write(dir, (gid_t)-1, &letter), DEADLETTER_FAILED);
	free(support_stderr_end());
	assert_int_equal(entries(other, ""), 0);
	assert_int_equal(entries(dir, ""), 0);
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
	struct event event = an_event();
	struct deadletter letter = a_letter(&event);
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
	strcat(walk->seen, " ");
	walk->n++;
	return walk->n == 3 ? 7 : 0;
}

static void
touch(const char *dir, const char *day, const char *file)
{
	char *folder = support_path(dir, day), *path;

	if (mkdir(folder, 0750) != 0)
		assert_int_equal(errno, EEXIST);
	path = support_path(folder, file);
	support_write(path, "x", 1, 0640);
	free(path);
	free(folder);
}

static void
test_each(void **state)
{
	char *dir = support_dir();
	struct walk walk = {0};

	(void)state;
	assert_int_equal(deadletter_each(dir, note, &walk), 0);
	touch(dir, "2026-11-23", "b.dead");
	touch(dir, "2026-11-23", "a.dead");
	touch(dir, "2026-11-23", "a.txt");
	touch(dir, "2026-11-22", "z.dead");
	touch(dir, "2026-11-24", "y.dead");
	touch(dir, "other", "n.dead");
	/* The walk is stopped at the third. */
	assert_int_equal(deadletter_each(dir, note, &walk), 7);
	assert_string_equal(walk.seen, "z.dead a.dead b.dead ");
	support_dir_remove(dir);
}

static void
test_retire(void **state)
{
	char *dir = support_dir(), *path = support_path(dir, name);
	struct event event = an_event();
	struct deadletter letter = a_letter(&event);

	(void)state;
	deadletter_write(dir, (gid_t)-1, &letter);
	assert_int_equal(deadletter_retire(dir, path), 0);
	assert_int_equal(entries(dir, "replayed"), 1);
	assert_int_equal(entries(dir, "2026-11-22"), 0);
	support_stderr_begin();
	assert_int_equal(deadletter_retire(dir, path), -1);
	free(support_stderr_end());
	free(path);
	support_dir_remove(dir);
}

/* ---- the worker's side ---- */

static unsigned buried;

static void
on_buried(void *arg, struct store_delivery *delivery)
{
	(void)arg;
	buried++;
	store_delivery_free(delivery);
}

/* A delivery whose event's id ends in `n`. */
static struct store_delivery *
a_delivery(uint8_t n)
{
	struct store_delivery *delivery = calloc(1, sizeof(*delivery));
	struct event event = an_event();

	event.id[15] = n;
	delivery->route = strdup("deploy");
	delivery->reason = strdup("attempts");
	delivery->attempts = strdup("[]");
	delivery->died_at_ms = 1795318490000;
	delivery->event = event_copy(&event);
	return delivery;
}

static struct config_dead_letter
settings(char *dir)
{
	return (struct config_dead_letter){
	    .directory = dir, .keep_ms = INT64_C(90) * 86400000};
}

static struct deadletters *
open_letters(const struct config_dead_letter *config)
{
	struct deadletters *letters =
	    deadletters_open(config, "local", on_buried, NULL);

	assert_non_null(letters);
	buried = 0;
	return letters;
}

/* All that is due at this moment of the fake clock. */
static void
steps(struct deadletters *letters)
{
	for (int i = 0;
	     i < 1000 && deadletters_due_ms(letters) <= clock_boot_ms(); i++)
		deadletters_step(letters);
}

static struct clock_fake fake;

static int
set_clock(void **state)
{
	(void)state;
	fake = (struct clock_fake){1795318500000, 1000000};
	clock_set_fake(&fake);
	return 0;
}

static int
unset_clock(void **state)
{
	(void)state;
	clock_set_fake(NULL);
	return 0;
}

static void
pass(int64_t ms)
{
	fake.wall_ms += ms;
	fake.boot_ms += ms;
	clock_set_fake(&fake);
}

static void
test_letters_written(void **state)
{
	char *dir = support_dir(), *inner = support_path(dir, "dead");
	struct config_dead_letter config = settings(inner);
	struct deadletters *letters = open_letters(&config);

	(void)state;
	support_stderr_begin();
	for (uint8_t i = 0; i < 20; i++)
		deadletters_add(letters, a_delivery(i), strdup("x"));
	steps(letters);
	free(support_stderr_end());
	assert_int_equal(buried, 20);
	assert_int_equal(entries(inner, "2026-11-22"), 20);
	deadletters_close(letters);
	free(inner);
	support_dir_remove(dir);
}

static void
test_letters_locked(void **state)
{
	char *dir = support_dir();
	struct config_dead_letter config = settings(dir);
	struct deadletters *letters = open_letters(&config);

	(void)state;
	support_stderr_begin();
	assert_null(deadletters_open(&config, "second", on_buried, NULL));
	free(support_stderr_end());
	deadletters_close(letters);
	letters = open_letters(&config);
	deadletters_close(letters);
	support_dir_remove(dir);
}

/* The directory cannot be used for a while: nothing is lost. */
static void
test_letters_wait(void **state)
{
	char *dir = support_dir(), *inner = support_path(dir, "dead");
	struct config_dead_letter config = settings(inner);
	struct deadletters *letters;

	(void)state;
	support_write(inner, "a file", 6, 0600);
	support_stderr_begin();
	letters = open_letters(&config);
	deadletters_add(letters, a_delivery(1), NULL);
	steps(letters);
	assert_int_equal(buried, 0);
	unlink(inner);
	steps(letters);
	assert_int_equal(buried, 0);
	pass(2000);
	steps(letters);
	free(support_stderr_end());
	assert_int_equal(buried, 1);
	deadletters_close(letters);
	free(inner);
	support_dir_remove(dir);
}

static void
test_letters_hold(void **state)
{
	char *dir = support_dir();
	struct config_dead_letter config = settings(dir);
	struct deadletters *letters;

	(void)state;
	config.max = 2500;
	support_stderr_begin();
	letters = open_letters(&config);
	for (uint8_t i = 0; i < 12; i++)
		deadletters_add(letters, a_delivery(i), NULL);
	steps(letters);
	assert_in_range(buried, 1, 4);
	/* Somebody removes them: it goes on. */
	while (buried < 12) {
		unsigned before = buried;
		char *day = support_path(dir, "2026-11-22");

		support_dir_remove(day);
		pass(60000);
		steps(letters);
		assert_true(buried > before);
	}
	free(support_stderr_end());
	deadletters_close(letters);
	support_dir_remove(dir);
}

static void
test_letters_delete_oldest(void **state)
{
	char *dir = support_dir(), *path;
	struct config_dead_letter config = settings(dir);
	struct deadletters *letters;

	(void)state;
	config.max = 5000;
	config.when_full = CONFIG_FULL_DELETE_OLDEST;
	touch(dir, "2026-11-20", "old.dead");
	touch(dir, "replayed", "done.dead");
	support_stderr_begin();
	letters = open_letters(&config);
	for (uint8_t i = 0; i < 100; i++)
		deadletters_add(letters, a_delivery(i), NULL);
	steps(letters);
	free(support_stderr_end());
	assert_int_equal(buried, 100);
	assert_in_range(entries(dir, ""), 1, 8);
	path = support_path(dir, "2026-11-20");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(entries(dir, "replayed"), 0);
	free(path);
	deadletters_close(letters);
	support_dir_remove(dir);
}

/* Old ones go; and not because somebody sets the clock. */
static void
test_letters_expire(void **state)
{
	char *dir = support_dir();
	struct config_dead_letter config = settings(dir);
	struct deadletters *letters;

	(void)state;
	touch(dir, "2026-08-20", "a.dead");
	touch(dir, "2026-08-20", "b.dead");
	touch(dir, "2026-08-25", "c.dead");
	touch(dir, "other", "d.dead");
	support_stderr_begin();
	letters = open_letters(&config);
	steps(letters);
	assert_int_equal(entries(dir, "2026-08-25"), 1);
	assert_int_equal(entries(dir, ""), 2);
	fake.wall_ms += INT64_C(1000) * 86400000;
	clock_set_fake(&fake);
	pass(3600000);
	steps(letters);
	assert_int_equal(entries(dir, "2026-08-25"), 1);
	pass(INT64_C(5) * 86400000);
	steps(letters);
	free(support_stderr_end());
	assert_int_equal(entries(dir, ""), 1);
	deadletters_close(letters);
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
	    WITH_CLOCK(test_letters_written),
	    WITH_CLOCK(test_letters_locked),
	    WITH_CLOCK(test_letters_wait),
	    WITH_CLOCK(test_letters_hold),
	    WITH_CLOCK(test_letters_delete_oldest),
	    WITH_CLOCK(test_letters_expire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
