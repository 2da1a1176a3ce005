#include "filter_limits.h"

#include <sys/resource.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Pages of address space in use, or -1. */
static long
pages_in_use(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	char line[128];
	long pages = -1;

	if (f == NULL)
		return -1;
	if (fgets(line, sizeof(line), f) != NULL)
		pages = strtol(line, NULL, 10);
	(void)fclose(f);
	return pages > 0 ? pages : -1;
}

int
filter_limits(int fd)
{
	static char *no_env[] = {NULL};
	const struct rlimit none = {0, 0};
	struct rlimit memory;
	long pages = pages_in_use();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (pages < 0 || null < 0 || dup2(fd, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(null, 2) < 0 || close_range(3, ~0U, 0) != 0)
		return -1;
	/* Not clearenv(): libjq does not take NULL. */
	environ = no_env;
	memory.rlim_cur =
	    (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + FILTER_MEMORY_MAX;
	memory.rlim_max = memory.rlim_cur;
	if (setrlimit(RLIMIT_AS, &memory) != 0 ||
	    setrlimit(RLIMIT_CORE, &none) != 0 ||
	    setrlimit(RLIMIT_NOFILE, &none) != 0)
		return -1;
	return 0;
}
