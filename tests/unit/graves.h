/*
 * graves - what the tests of dead letters share
 *
 * Helpers fail the running test when they cannot do their work.
 */

#ifndef TESTS_UNIT_GRAVES_H
#define TESTS_UNIT_GRAVES_H

#include "../../shared/deadletter.h"

/* A body that no text is, and the name its letter gets. */
#define GRAVES_BODY "line\n\0\xff end"
#define GRAVES_NAME                                                            \
	"2026-11-22/01020304-0506-7708-890a-0b0c0d0e0f10.deploy.2.dead"

enum { GRAVES_BODY_LEN = sizeof(GRAVES_BODY) - 1 };

struct event graves_event(void);
struct deadletter graves_letter(const struct event *event);

/* A file of one byte in a folder below `dir`, which is made. */
void graves_touch(const char *dir, const char *day, const char *file);

/* Files in dir/sub and below, but for the lock. */
unsigned graves_count(const char *dir, const char *sub);

#endif
