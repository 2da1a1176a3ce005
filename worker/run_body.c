#include "run_body.h"

#include <fcntl.h>

bool
run_body_good(int fd)
{
	const int all =
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
	int seals = fcntl(fd, F_GET_SEALS), flags = fcntl(fd, F_GETFL);

	return seals >= 0 && (seals & all) == all && flags >= 0 &&
	       (flags & O_ACCMODE) != O_WRONLY;
}
