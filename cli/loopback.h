/*
 * loopback - a port of this machine, for this machine
 */

#ifndef CLI_LOOPBACK_H
#define CLI_LOOPBACK_H

#include <stdint.h>

/*
 * A non-blocking socket that listens on 127.0.0.1:*port; with 0 the kernel
 * chooses, and *port says what.  -1 after a sentence that names the verb.
 */
int loopback_listen(const char *verb, int64_t *port);

#endif
