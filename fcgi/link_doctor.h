/*
 * link_doctor - why a worker's socket cannot be reached
 *
 * Looks as a person would: is the path there, whose is it, does a plain
 * connection succeed.
 */

#ifndef FCGI_LINK_DOCTOR_H
#define FCGI_LINK_DOCTOR_H

#include <limits.h>

/* Log one line, `link_down worker=NAME reason=…`.  May take 50 ms. */
void doctor_log(const char *worker, const char *endpoint);

enum doctor_reason {
	DOCTOR_NO_ANSWER, /* it connects: the worker is busy, or none of ours */
	DOCTOR_PERMISSION_DENIED,
	DOCTOR_NO_SUCH_FILE,
	DOCTOR_NOT_A_SOCKET,
	DOCTOR_REFUSED, /* nobody listens */
	DOCTOR_UNREACHABLE,
	DOCTOR__MAX
};

struct doctor_finding {
	enum doctor_reason reason;
	char path[PATH_MAX]; /* what the reason is about; "" for tcp */
};

/* The looking without the logging. */
void doctor_look(const char *endpoint, struct doctor_finding *finding);

#endif
