#include "../../worker/outbox.h"
#include "support.h"

static unsigned wakes;

static void
wake(void *arg)
{
	(void)arg;
	wakes++;
}

static void
put(struct outbox *box, int64_t seq, bool may_wait)
{
	struct task *task = task_new(TASK_SETTLE);

	assert_non_null(task);
	task->seq = seq;
	outbox_put(box, task, may_wait);
}

/* Takes what was handed over: how many, numbered from `seq` on. */
static unsigned
take(struct tasks *tasks, int64_t seq)
{
	struct task *task, *next;
	unsigned n = 0;

	for (task = tasks_take(tasks); task != NULL; task = next, n++) {
		next = task->next;
		assert_int_equal(task->seq, seq + n);
		task_free(task);
	}
	return n;
}

static void
test_waits(void **state)
{
	struct tasks *tasks = tasks_new(wake, NULL);
	struct outbox box;

	(void)state;
	wakes = 0;
	outbox_init(&box, tasks);
	outbox_send(&box);
	assert_true(box.due_ms == INT64_MAX);
	put(&box, 1, true);
	assert_true(box.due_ms != INT64_MAX);
	box.due_ms = INT64_MAX - 1; /* not for a while */
	put(&box, 2, true);
	outbox_send(&box);
	assert_int_equal(take(tasks, 1), 0);
	/* one that may not wait takes them along, in order */
	put(&box, 3, false);
	put(&box, 4, true);
	outbox_send(&box);
	assert_int_equal(take(tasks, 1), 4);
	assert_int_equal(wakes, 1);
	assert_true(box.due_ms == INT64_MAX);
	/* their time has come */
	put(&box, 5, true);
	box.due_ms = 1;
	outbox_send(&box);
	assert_int_equal(take(tasks, 5), 1);
	outbox_clear(&box);
	tasks_free(tasks);
}

static void
test_many(void **state)
{
	struct tasks *tasks = tasks_new(wake, NULL);
	struct outbox box;

	(void)state;
	outbox_init(&box, tasks);
	for (int i = 0; i < OUTBOX_MAX; i++) {
		outbox_send(&box);
		assert_int_equal(take(tasks, 0), 0);
		put(&box, i, true);
		if (i < OUTBOX_MAX - 1)
			box.due_ms = INT64_MAX - 1; /* not for a while */
	}
	outbox_send(&box);
	assert_int_equal(take(tasks, 0), OUTBOX_MAX);
	put(&box, 0, true);
	outbox_clear(&box);
	outbox_send(&box);
	assert_int_equal(take(tasks, 0), 0);
	tasks_free(tasks);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_waits),
	    cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
