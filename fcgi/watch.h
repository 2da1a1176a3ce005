/*
 * watch - a connection that must be read by a certain time
 *
 * libfcgi reads without any limit of time; SO_RCVTIMEO ends a silence, this a
 * trickle.  One thread serves, another calls watch_check() now and then, which
 * shuts a late connection down so that the read returns.
 */

#ifndef FCGI_WATCH_H
#define FCGI_WATCH_H

#include <pthread.h>
#include <stdint.h>

struct watch {
	pthread_mutex_t mutex;
	int fd; /* -1: nothing to watch */
	int64_t until_ms;
};

void watch_init(struct watch *watch);

/* Watch a descriptor until watch_end(), which must come before it is closed. */
void watch_begin(struct watch *watch, int fd, int64_t until_boot_ms);
void watch_end(struct watch *watch); /* twice is fine */

void watch_check(struct watch *watch, int64_t boot_ms);

#endif
