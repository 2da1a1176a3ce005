#include "link_monitor.h"

#include <stdio.h>
#include <string.h>

#include <zmq.h>

#include "../shared/buf.h"
#include "../shared/codec.h"
#include "../shared/zsock.h"

void *
monitor_new(void *context, void *socket, const char *which,
    const uint8_t id[WIRE_LINK_LEN])
{
	char endpoint[80];
	struct buf hex = {0};
	void *pair = NULL;

	if (codec_encode(CODEC_HEX, id, WIRE_LINK_LEN, &hex) != 0)
		goto out;
	(void)snprintf(
	    endpoint, sizeof endpoint, "inproc://%s-%s", which, buf_str(&hex));
	if (zmq_socket_monitor(socket, endpoint,
		ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) != 0)
		goto out;
	pair = zmq_socket(context, ZMQ_PAIR);
	if (pair != NULL && zmq_connect(pair, endpoint) != 0) {
		zsock_close(pair);
		pair = NULL;
	}
out:
	buf_clear(&hex);
	return pair;
}

/* The next event, or 0: two frames, number and value first. */
static unsigned
next_event(void *monitor)
{
	unsigned char bytes[6];
	uint16_t event = 0;
	char address[256];

	if (zmq_recv(monitor, bytes, sizeof bytes, ZMQ_DONTWAIT) < 2)
		return 0;
	memcpy(&event, bytes, sizeof event);
	(void)zmq_recv(monitor, address, sizeof address, ZMQ_DONTWAIT);
	return event;
}

bool
monitor_read(void *monitor, bool *made)
{
	bool gone = false;
	unsigned event;

	while ((event = next_event(monitor)) != 0) {
		if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
			*made = true;
		else
			gone = true;
	}
	return gone;
}
