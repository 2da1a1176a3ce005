#include "tries.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "../../shared/clock.h"
#include "support.h"

static void
note_done(
    void *arg, struct store_delivery *delivery, const struct dest_outcome *o)
{
	struct tries *bench = arg;

	bench->done++;
	bench->last = *o;
	free(bench->output);
	bench->output = calloc(1, o->output_len + 1);
	memcpy(bench->output, o->output, o->output_len);
	store_delivery_free(delivery);
}

void
tries_open(struct tries *bench, enum config_dest kind)
{
	*bench = (struct tries){.ops = dest_pick(kind)};
	bench->context = (struct dest_context){.spawn = spawn_open(),
	    .multi = curl_multi_init(),
	    .done = note_done,
	    .arg = bench};
	assert_non_null(bench->context.spawn);
	assert_non_null(bench->context.multi);
	bench->exchanges = exchanges_open(bench->context.multi);
	assert_non_null(bench->exchanges);
	bench->dest = bench->ops->open(&bench->context);
	assert_non_null(bench->dest);
}

void
tries_close(struct tries *bench)
{
	bench->ops->close(bench->dest);
	exchanges_close(bench->exchanges);
	curl_multi_cleanup(bench->context.multi);
	spawn_close(bench->context.spawn);
	free(bench->output);
}

/* The dispatcher's loop in small, until `n` attempts are done. */
void
tries_wait(struct tries *bench, unsigned n)
{
	int64_t until = clock_boot_ms() + 30000;
	struct pollfd fds[] = {
	    {.fd = spawn_fd(bench->context.spawn), .events = POLLIN},
	    {.fd = exchanges_fd(bench->exchanges), .events = POLLIN},
	};
	int64_t wait_ms;

	while (bench->done < n) {
		assert_true(clock_boot_ms() < until);
		wait_ms = exchanges_due_ms(bench->exchanges) - clock_boot_ms();
		wait_ms = wait_ms < 1000 ? wait_ms : 1000;
		(void)poll(fds, 2, wait_ms > 0 ? (int)wait_ms : 0);
		exchanges_run(bench->exchanges);
		if (bench->ops->ready != NULL)
			bench->ops->ready(bench->dest);
		assert_int_equal(spawn_pump(bench->context.spawn), 0);
	}
}

static char headers[] = "{\"x-one\":\"1\",\"x-two\":[\"a\",\"b\"],"
			"\"user-agent\":\"GitHub\",\"host\":\"evil\","
			"\"content-length\":\"9\",\"connection\":\"x\","
			"\"x-bad\":\"a\\r\\nx-smuggled: 1\","
			"\"x-empty\":\"\",\"gaff-key\":\"spoofed\","
			"\"webhook-id\":\"spoofed\"}";

struct store_delivery *
tries_delivery(const char *body, size_t len)
{
	struct store_delivery *delivery = calloc(1, sizeof(*delivery));
	struct event event = {.id = {1},
	    .received_at_ms = 1795318480123,
	    .source = "github",
	    .key = "k-1",
	    .type = "push",
	    .remote = "",
	    .method = "POST",
	    .path = "/",
	    .query = "",
	    .content_type = "application/json",
	    .headers = headers,
	    .scheme = "none",
	    .body = body,
	    .body_len = len};

	delivery->attempt = 3;
	delivery->replay = 1;
	delivery->route = strdup("deploy");
	delivery->event = event_copy(&event);
	return delivery;
}

void
tries_try(struct tries *bench, const struct config_route *route)
{
	struct store_delivery *delivery = tries_delivery("{\"a\":1}\n", 8);

	assert_int_equal(bench->ops->start(bench->dest, route, delivery), 0);
	tries_wait(bench, bench->done + 1);
}

void
tries_expect(
    const struct tries *bench, enum dest_verdict verdict, const char *outcome)
{
	assert_string_equal(bench->last.outcome, outcome);
	assert_int_equal(bench->last.verdict, verdict);
}
