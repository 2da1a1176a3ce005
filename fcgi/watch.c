#include "watch.h"

#include <sys/socket.h>

void
watch_init(struct watch *watch)
{
	(void)pthread_mutex_init(&watch->mutex, NULL);
	watch->fd = -1;
	watch->until_ms = 0;
}

void
watch_begin(struct watch *watch, int fd, int64_t until_boot_ms)
{
	(void)pthread_mutex_lock(&watch->mutex);
	watch->fd = fd;
	watch->until_ms = until_boot_ms;
	(void)pthread_mutex_unlock(&watch->mutex);
}

void
watch_end(struct watch *watch)
{
	watch_begin(watch, -1, 0);
}

void
watch_check(struct watch *watch, int64_t boot_ms)
{
	(void)pthread_mutex_lock(&watch->mutex);
	if (watch->fd != -1 && boot_ms >= watch->until_ms) {
		(void)shutdown(watch->fd, SHUT_RDWR);
		watch->fd = -1;
	}
	(void)pthread_mutex_unlock(&watch->mutex);
}
