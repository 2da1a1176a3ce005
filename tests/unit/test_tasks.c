#include <pthread.h>
#include <stdlib.h>

#include "../../worker/tasks.h"
#include "support.h"

static unsigned wakes;

static void
wake(void *arg)
{
	++*(unsigned *)arg;
}

static void
test_order(void **state)
{
	struct tasks *tasks = tasks_new(wake, &wakes);
	struct task *list, *next;
	int64_t seq = 0;

	(void)state;
	wakes = 0;
	assert_null(tasks_take(tasks));
	for (int64_t i = 0; i < 5; i++) {
		struct task *task = task_new(TASK_DUE);

		task->seq = i;
		tasks_push(tasks, task);
	}
	/* One wake for all: the queue was empty only once. */
	assert_int_equal(wakes, 1);
	for (list = tasks_take(tasks); list != NULL; list = next) {
		next = list->next;
		assert_int_equal(list->kind, TASK_DUE);
		assert_int_equal(list->seq, seq++);
		task_free(list);
	}
	assert_int_equal(seq, 5);
	assert_null(tasks_take(tasks));
	tasks_push(tasks, task_new(TASK_STOP));
	assert_int_equal(wakes, 2);
	/* What is in it is freed with it. */
	tasks_free(tasks);
	tasks_free(NULL);
	task_free(NULL);
}

enum { PUSHES = 20000 };

static void *
push_many(void *arg)
{
	for (int64_t i = 0; i < PUSHES; i++) {
		struct task *task = task_new(TASK_DUE);

		task->seq = i;
		tasks_push(arg, task);
	}
	return NULL;
}

static void
no_wake(void *arg)
{
	(void)arg;
}

/* Nothing is lost or reordered between two threads. */
static void
test_threads(void **state)
{
	struct tasks *tasks = tasks_new(no_wake, NULL);
	struct task *list, *next;
	pthread_t thread;
	int64_t seq = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, push_many, tasks), 0);
	while (seq < PUSHES)
		for (list = tasks_take(tasks); list != NULL; list = next) {
			next = list->next;
			assert_int_equal(list->seq, seq++);
			task_free(list);
		}
	pthread_join(thread, NULL);
	tasks_free(tasks);
}

static void
test_no_memory(void **state)
{
	(void)state;
	support_fail_alloc(1);
	assert_null(task_new(TASK_DUE));
	support_fail_alloc(1);
	assert_null(tasks_new(wake, NULL));
	support_fail_alloc(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_threads),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
