/*
 * writers - threads that write to a file, so that several writes are under way
 *
 * Each has a buffer of its own, writes what one thread has put there, and syncs
 * it; that thread is told of the end by a descriptor.  While writes are quick
 * it makes them itself: that is cheaper than to hand them to another.
 */

#ifndef WORKER_WRITERS_H
#define WORKER_WRITERS_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

enum {
	WRITERS = 4,
	WRITERS_SLOW_US = 1000, /* from here on a write is slow */
	WRITERS_SLOW = 2,       /* in a row: threads get those that follow */
};

struct writers;

/* A write that has ended. */
struct writers_end {
	unsigned writer;
	int error; /* errno; 0: it is on the disk */
	int64_t took_us;
};

/* For a file that stays open, with buffers of so many bytes; what of them is
 * not used costs nothing.  NULL without memory or threads. */
struct writers *writers_start(int fd, size_t bytes);
/* Waits for what is under way.  NULL is fine. */
void writers_stop(struct writers *writers);

/* The buffer of a writer that rests, for O_DIRECT. */
unsigned char *writers_buffer(const struct writers *writers, unsigned writer);
/* Let it write so much of it to this place; unless the last writes were slow it
 * has ended on return. */
void
writers_begin(struct writers *writers, unsigned writer, size_t len, off_t at);

/* Readable when a write that a thread was given has ended. */
int writers_fd(const struct writers *writers);
/* All that have ended since the last call; their writers rest. */
size_t writers_ended(struct writers *writers, struct writers_end ends[WRITERS]);

/* The same by the thread that calls: 0, or -1 and errno. */
int writers_put(int fd, const unsigned char *p, size_t len, off_t at);

#endif
