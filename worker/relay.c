#include "relay.h"

#include <zmq.h>

#include "../shared/zsock.h"

bool
relay_takes(void *socket)
{
	int events = 0;
	size_t len = sizeof events;

	return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &len) == 0 &&
	       (events & ZMQ_POLLOUT) != 0;
}

bool
relay_one(void *from, void *to, uint64_t *malformed)
{
	zmq_msg_t id, message;
	bool some;

	(void)zmq_msg_init(&id);
	(void)zmq_msg_init(&message);
	some = zsock_recv_from(from, &id, &message, malformed) == 0;
	if (some)
		(void)zsock_send_to(to, zmq_msg_data(&id), zmq_msg_size(&id),
		    zmq_msg_data(&message), zmq_msg_size(&message));
	(void)zmq_msg_close(&id);
	(void)zmq_msg_close(&message);
	return some;
}
