/*
 * link_monitor - hears of a socket's handshakes and disconnections
 *
 * A monitor is a socket of libzmq's own, to be closed by zsock_close() after
 * the monitored one has been told to stop (zmq_socket_monitor(3)).
 */

#ifndef FCGI_LINK_MONITOR_H
#define FCGI_LINK_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "../shared/wire.h"

/* `which` and `id` together are its name in this process.  NULL: it cannot be
 * had. */
void *monitor_new(void *context, void *socket, const char *which,
    const uint8_t id[WIRE_LINK_LEN]);

/* Read all; whether a connection that was there has gone.  *made becomes true
 * when one has come. */
bool monitor_read(void *monitor, bool *made);

#endif
