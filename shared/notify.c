#include "notify.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_SIZE = 256 };

/* The address in NOTIFY_SOCKET: a path, or a name after `@`.  Its length; 0
 * when there is none. */
static socklen_t
find_address(struct sockaddr_un *address)
{
	const char *name = getenv("NOTIFY_SOCKET");
	size_t len = name != NULL ? strlen(name) : 0;

	if (len < 2 || len >= sizeof(address->sun_path) ||
	    (name[0] != '/' && name[0] != '@'))
		return 0;
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, name, len);
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

/* `flags` are of send(2). */
static void
tell(const char *what, const char *status, int flags)
{
	/* longer than this a busy service manager holds nobody up */
	const struct timeval patience = {.tv_sec = 1};
	struct sockaddr_un address;
	socklen_t len = find_address(&address);
	char text[MESSAGE_SIZE];
	int fd;

	if (len == 0 ||
	    (fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return;
	(void)snprintf(text, sizeof(text), "%s%s%s", what,
	    status != NULL ? "\nSTATUS=" : "", status != NULL ? status : "");
	(void)setsockopt(
	    fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	(void)sendto(fd, text, strlen(text), flags | MSG_NOSIGNAL,
	    (const struct sockaddr *)&address, len);
	(void)close(fd);
}

void
notify_ready(const char *status)
{
	tell("READY=1", status, 0);
}

void
notify_reloading(void)
{
	char text[MESSAGE_SIZE];
	struct timespec now;

	/* systemd's own clock, which pauses while the machine sleeps */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(text, sizeof(text),
	    "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	    (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	tell(text, NULL, 0);
}

void
notify_stopping(void)
{
	tell("STOPPING=1", "stopping", 0);
}

void
notify_alive(const char *status)
{
	tell("WATCHDOG=1", status, MSG_DONTWAIT);
}
