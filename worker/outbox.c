#include "outbox.h"

#include <stddef.h>

#include "../shared/clock.h"

static void
empty(struct outbox *box)
{
	box->first = NULL;
	box->end = &box->first;
	box->n = 0;
	box->due_ms = INT64_MAX;
}

void
outbox_init(struct outbox *box, struct tasks *to)
{
	box->to = to;
	empty(box);
}

void
outbox_clear(struct outbox *box)
{
	struct task *task, *next;

	for (task = box->first; task != NULL; task = next) {
		next = task->next;
		task_free(task);
	}
	empty(box);
}

void
outbox_put(struct outbox *box, struct task *task, bool may_wait)
{
	task->next = NULL;
	*box->end = task;
	box->end = &task->next;
	if (!may_wait || ++box->n == OUTBOX_MAX)
		box->due_ms = 0;
	else if (box->due_ms == INT64_MAX)
		box->due_ms = clock_boot_ms() + OUTBOX_MS;
}

void
outbox_send(struct outbox *box)
{
	struct task *list = box->first;

	if (list == NULL || (box->due_ms > 0 && box->due_ms > clock_boot_ms()))
		return;
	empty(box);
	tasks_push_all(box->to, list);
}
