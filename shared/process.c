#include "process.h"

#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

void
process_harden(void)
{
	const struct rlimit none = {0, 0};
	size_t seed = 0;

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed))
		json_object_seed(seed);
}

void
process_batch(void)
{
	const struct sched_param param = {0};

	if (sched_getscheduler(0) == SCHED_OTHER)
		(void)sched_setscheduler(0, SCHED_BATCH, &param);
}

void
process_log_lines(
    enum log_level level, const char *msg, const struct buf *lines)
{
	char line[LOG_VALUE_MAX + 1];
	const char *end;
	size_t at, len;

	for (at = 0; at < lines->len; at += len + 1) {
		end = memchr(lines->p + at, '\n', lines->len - at);
		len = end != NULL ? (size_t)(end - lines->p) - at
				  : lines->len - at;
		(void)snprintf(
		    line, sizeof(line), "%.*s", (int)len, lines->p + at);
		log_at(level, msg, log_str("error", line));
	}
}
