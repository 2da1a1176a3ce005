/*
 * filter_limits - what a process that runs libjq may not do
 */

#ifndef WORKER_FILTER_LIMITS_H
#define WORKER_FILTER_LIMITS_H

enum {
	FILTER_MEMORY_MAX = 256 * 1024 * 1024,
	/* CPU time of one compilation in filter_check(), in seconds. */
	FILTER_CHECK_CPU_S = 2,
};

/*
 * Make `fd` the only useful descriptor, as 0; 1 and 2 are /dev/null and nothing
 * can be opened any more.  Empty environment, FILTER_MEMORY_MAX of address
 * space beyond the present one, no core file.  0 or -1.
 */
int filter_limits(int fd);

#endif
