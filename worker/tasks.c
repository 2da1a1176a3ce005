#include "tasks.h"

#include <pthread.h>
#include <stdlib.h>

struct tasks {
	pthread_mutex_t lock;
	struct task *first;
	struct task **end;
	void (*wake)(void *arg);
	void *arg;
};

struct task *
task_new(enum task_kind kind)
{
	struct task *task = calloc(1, sizeof(*task));

	if (task != NULL)
		task->kind = kind;
	return task;
}

void
task_free(struct task *task)
{
	if (task == NULL)
		return;
	event_free(task->event);
	store_delivery_free(task->delivery);
	config_unref(task->config);
	free(task->targets);
	buf_clear(&task->blob);
	free(task->text);
	free(task);
}

struct tasks *
tasks_new(void (*wake)(void *arg), void *arg)
{
	struct tasks *tasks = calloc(1, sizeof(*tasks));

	if (tasks == NULL)
		return NULL;
	pthread_mutex_init(&tasks->lock, NULL);
	tasks->end = &tasks->first;
	tasks->wake = wake;
	tasks->arg = arg;
	return tasks;
}

void
tasks_free(struct tasks *tasks)
{
	struct task *task, *next;

	if (tasks == NULL)
		return;
	for (task = tasks->first; task != NULL; task = next) {
		next = task->next;
		task_free(task);
	}
	pthread_mutex_destroy(&tasks->lock);
	free(tasks);
}

void
tasks_push(struct tasks *tasks, struct task *task)
{
	task->next = NULL;
	tasks_push_all(tasks, task);
}

void
tasks_push_all(struct tasks *tasks, struct task *list)
{
	struct task *last = list;
	bool was_empty;

	while (last->next != NULL)
		last = last->next;
	pthread_mutex_lock(&tasks->lock);
	was_empty = tasks->first == NULL;
	*tasks->end = list;
	tasks->end = &last->next;
	pthread_mutex_unlock(&tasks->lock);
	if (was_empty)
		tasks->wake(tasks->arg);
}

struct task *
tasks_take(struct tasks *tasks)
{
	struct task *list;

	pthread_mutex_lock(&tasks->lock);
	list = tasks->first;
	tasks->first = NULL;
	tasks->end = &tasks->first;
	pthread_mutex_unlock(&tasks->lock);
	return list;
}
