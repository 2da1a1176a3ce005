/*
 * notify - tell the service manager how this process fares
 *
 * The protocol of sd_notify(3): one datagram of NAME=VALUE lines to the socket
 * NOTIFY_SOCKET names, so that systemd knows when a start, a reload and a stop
 * are done, and that the process is not stuck.  Without that variable nothing
 * happens.  Failures are silent: the service manager itself says what it did
 * not hear.  `status` is one line for `systemctl status`; NULL: unchanged.
 */

#ifndef SHARED_NOTIFY_H
#define SHARED_NOTIFY_H

/* It serves: after a start, and after each reload whatever came of it. */
void notify_ready(const char *status);

/* It reads its configuration again; notify_ready() follows. */
void notify_reloading(void);

void notify_stopping(void);

/* The watchdog's sign of life.  Never waits: one that is lost is followed by
 * others. */
void notify_alive(const char *status);

#endif
