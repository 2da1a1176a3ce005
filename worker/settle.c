#include "settle.h"

#include <stdlib.h>
#include <string.h>

#include "retry.h"

/* What every settling has. */
static void
begin(struct task *task, struct store_delivery *delivery, int64_t now_ms)
{
	task->delivery = delivery;
	task->seq = delivery->seq;
	task->replay = delivery->replay;
	(void)memccpy(task->route, delivery->route, '\0', sizeof(task->route));
	task->settle = (struct store_settle){.seq = delivery->seq,
	    .route = task->route,
	    .replay = delivery->replay,
	    .now_ms = now_ms};
}

void
settle_untried(struct task *task, struct store_delivery *delivery,
    int64_t now_ms, int64_t due_ms)
{
	begin(task, delivery, now_ms);
	task->settle.state = DELIVERY_PENDING;
	task->settle.due_ms = due_ms;
}

/* Texts of the attempt, in one piece that goes with the task. */
static void
copy_attempt(struct task *task, const struct dest_outcome *o)
{
	size_t outcome = strlen(o->outcome) + 1, detail = strlen(o->detail) + 1;

	task->attempt = (struct store_attempt){.at_ms = o->at_ms,
	    .ms = o->ms,
	    .outcome = o->verdict == DEST_DELIVERED ? "ok" : "failed",
	    .detail = ""};
	task->settle.attempt = &task->attempt;
	task->text = malloc(outcome + detail + o->output_len);
	if (task->text == NULL)
		return;
	memcpy(task->text, o->outcome, outcome);
	memcpy(task->text + outcome, o->detail, detail);
	task->attempt.outcome = task->text;
	task->attempt.detail = task->text + outcome;
	if (o->output_len == 0)
		return;
	memcpy(task->text + outcome + detail, o->output, o->output_len);
	task->attempt.output = task->text + outcome + detail;
	task->attempt.output_len = o->output_len;
}

/* A failed attempt: again, or given up. */
static void
decide(struct store_settle *settle, const struct store_delivery *delivery,
    const struct dest_outcome *o, const struct settle_facts *facts)
{
	const struct retry_input input = {.attempt = delivery->attempt,
	    .first_at_ms =
		delivery->first_at_ms != 0 ? delivery->first_at_ms : o->at_ms,
	    .now_ms = facts->now_ms,
	    .paused_ms = facts->paused_ms,
	    .retry_after_ms = o->retry_after_ms,
	    .random = facts->random};
	struct retry_decision decision = {
	    true, facts->now_ms + SETTLE_GONE_MS, NULL};

	if (facts->route != NULL)
		decision = retry_decide(facts->route, &input);
	settle->state = decision.again ? DELIVERY_WAITING : DELIVERY_EXHAUSTED;
	settle->due_ms = decision.due_ms;
	settle->reason = decision.reason;
}

void
settle_attempt(struct task *task, struct store_delivery *delivery,
    const struct dest_outcome *outcome, const struct settle_facts *facts)
{
	if (outcome->verdict == DEST_CUT) {
		settle_untried(task, delivery, facts->now_ms, facts->now_ms);
		return;
	}
	begin(task, delivery, facts->now_ms);
	copy_attempt(task, outcome);
	if (outcome->verdict == DEST_DELIVERED) {
		task->settle.state = DELIVERY_DELIVERED;
	} else if (outcome->verdict == DEST_FINAL) {
		task->settle.state = DELIVERY_EXHAUSTED;
		task->settle.reason = "final";
	} else {
		decide(&task->settle, delivery, outcome, facts);
	}
}
