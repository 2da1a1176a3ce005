#include "ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/buf.h"
#include "../shared/clock.h"
#include "../shared/log.h"
#include "../shared/wire.h"
#include "../shared/zsock.h"

enum { SLICE_MS = 100 }; /* how soon `stop` is noticed */

struct ask {
	void *socket;
	const atomic_bool *stop;
};

struct ask *
ask_open(void *context, const atomic_bool *stop)
{
	struct ask *ask = calloc(1, sizeof(*ask));

	if (ask == NULL)
		return NULL;
	ask->stop = stop;
	ask->socket = zsock_new(context, ZSOCK_ADMIN_OUT, NULL);
	if (ask->socket != NULL && zmq_connect(ask->socket, ASK_ENDPOINT) == 0)
		return ask;
	log_error("cannot_ask", log_str("error", zmq_strerror(zmq_errno())));
	ask_close(ask);
	return NULL;
}

void
ask_close(struct ask *ask)
{
	if (ask == NULL)
		return;
	zsock_close(ask->socket);
	free(ask);
}

/* Whether something came before the time is over. */
static bool
wait_for_reply(struct ask *ask)
{
	int64_t until_ms = clock_boot_ms() + ASK_ANSWER_MS;
	zmq_pollitem_t item = {.socket = ask->socket, .events = ZMQ_POLLIN};

	while (!atomic_load(ask->stop) && clock_boot_ms() < until_ms)
		if (zmq_poll(&item, 1, SLICE_MS) > 0)
			return true;
	return false;
}

json_t *
ask_call(struct ask *ask, const char *verb, json_t *args)
{
	json_t *call = json_pack("{s:s, s:o}", "verb", verb, "args", args);
	struct buf frame = {0};
	json_t *reply = NULL;
	zmq_msg_t message;

	(void)zmq_msg_init(&message);
	if (call != NULL && wire_put_json(&frame, WIRE_CALL, call) == 0 &&
	    zsock_send(ask->socket, frame.p, frame.len) == 0 &&
	    wait_for_reply(ask) &&
	    zsock_recv(ask->socket, &message, NULL) == 0 &&
	    wire_type(zmq_msg_data(&message), zmq_msg_size(&message)) ==
		WIRE_REPLY)
		reply = wire_get_json(
		    zmq_msg_data(&message), zmq_msg_size(&message));
	(void)zmq_msg_close(&message);
	buf_clear(&frame);
	json_decref(call);
	return reply;
}
