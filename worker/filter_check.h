/*
 * filter_check - whether a route's filter is a jq program that can be used
 *
 * Needs libjq, and buf of libgaff only.
 */

#ifndef WORKER_FILTER_CHECK_H
#define WORKER_FILTER_CHECK_H

enum { FILTER_ERROR_SIZE = 256 };

/*
 * Compile it, in a process of its own with nothing in its environment, no
 * files to open and little time (libjq ends the process it runs in when it
 * runs out of memory).  0, or -1 with one line in `error`.
 */
int filter_check(const char *text, char error[FILTER_ERROR_SIZE]);

#endif
