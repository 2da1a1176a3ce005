#include "deadletters.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "../shared/deadletter.h"
#include "../shared/log.h"
#include "retention.h"

enum {
	RETRY_MIN_MS = 1000,
	RETRY_MAX_MS = 60000,
	WALK_MS = 3600000,
	/* delete-oldest removes down to this share of `max`. */
	ROOM_PERCENT = 95,
};

struct waiting {
	struct waiting *next;
	struct store_delivery *delivery;
	char *deliver;
};

struct deadletters {
	char *directory;
	gid_t group;
	int64_t keep_ms;
	int64_t max;
	enum config_when_full when_full;
	char *worker;
	deadletters_done_fn *done;
	void *arg;

	int lock; /* -1: not taken yet */
	struct waiting *first;
	struct waiting **end;
	int64_t write_ms; /* boot clock: not before */
	int64_t retry_ms; /* the pause after the next failure */
	struct retention *retention;
	bool walking;
	bool clearing;   /* make_room() has more to do */
	int64_t walk_ms; /* boot clock: when the next walk begins */
};

/* ---- settings ---- */

static gid_t
group_id(const char *name)
{
	struct group entry, *found = NULL;
	char memory[4096];

	if (name == NULL)
		return (gid_t)-1;
	if (getgrnam_r(name, &entry, memory, sizeof(memory), &found) == 0 &&
	    found != NULL)
		return entry.gr_gid;
	log_error("no_such_group", log_str("section", "dead_letter"),
	    log_str("group", name));
	return (gid_t)-1;
}

static void
unlock(struct deadletters *letters)
{
	if (letters->lock >= 0)
		close(letters->lock);
	letters->lock = -1;
}

void
deadletters_set(
    struct deadletters *letters, const struct config_dead_letter *config)
{
	char *directory;

	if (letters->directory == NULL ||
	    strcmp(letters->directory, config->directory) != 0) {
		directory = strdup(config->directory);
		if (directory == NULL) {
			log_error("no_memory", log_str("for", "dead_letter"));
			return;
		}
		unlock(letters);
		free(letters->directory);
		letters->directory = directory;
	}
	letters->group = group_id(config->group);
	letters->keep_ms = config->keep_ms;
	letters->max = config->max;
	letters->when_full = config->when_full;
	letters->write_ms = letters->walk_ms = clock_boot_ms();
	letters->retry_ms = RETRY_MIN_MS;
	letters->walking = letters->clearing = false;
}

/* ---- the lock ---- */

static int
open_lock(const char *directory)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/.lock", directory) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* Lock the directory, making it if it is missing, and sweep it.  0, or -1
 * with errno: EWOULDBLOCK when another process has it. */
static int
lock(struct deadletters *letters)
{
	int fd, error = 0;

	if (letters->lock >= 0)
		return 0;
	if (mkdir(letters->directory, 0750) != 0 && errno != EEXIST)
		return -1;
	fd = open_lock(letters->directory);
	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 ||
	    deadletter_sweep(letters->directory) != 0) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	letters->lock = fd;
	return 0;
}

static void
log_lock_error(const struct deadletters *letters)
{
	log_error("dead_letter_directory",
	    log_str("directory", letters->directory),
	    log_str("error", errno == EWOULDBLOCK
				 ? "another worker writes to it"
				 : strerror(errno)));
}

/* ---- from outside ---- */

struct deadletters *
deadletters_open(const struct config_dead_letter *config, const char *worker,
    deadletters_done_fn *done, void *arg)
{
	struct deadletters *letters = calloc(1, sizeof(*letters));

	if (letters == NULL)
		goto no_memory;
	letters->lock = -1;
	letters->end = &letters->first;
	letters->done = done;
	letters->arg = arg;
	letters->worker = strdup(worker);
	letters->retention = retention_new();
	deadletters_set(letters, config);
	if (letters->worker == NULL || letters->retention == NULL ||
	    letters->directory == NULL)
		goto no_memory;
	if (lock(letters) == 0)
		return letters;
	log_lock_error(letters);
	if (errno != EWOULDBLOCK)
		return letters;
	deadletters_close(letters);
	return NULL;
no_memory:
	log_error("no_memory", log_str("for", "dead_letter"));
	deadletters_close(letters);
	return NULL;
}

/* The first is not waiting any more. */
static struct store_delivery *
take_first(struct deadletters *letters)
{
	struct waiting *first = letters->first;
	struct store_delivery *delivery = first->delivery;

	letters->first = first->next;
	if (letters->first == NULL)
		letters->end = &letters->first;
	free(first->deliver);
	free(first);
	return delivery;
}

void
deadletters_close(struct deadletters *letters)
{
	if (letters == NULL)
		return;
	while (letters->first != NULL)
		store_delivery_free(take_first(letters));
	unlock(letters);
	retention_free(letters->retention);
	free(letters->directory);
	free(letters->worker);
	free(letters);
}

void
deadletters_add(
    struct deadletters *letters, struct store_delivery *delivery, char *deliver)
{
	struct waiting *waiting = malloc(sizeof(*waiting));

	if (waiting == NULL) {
		/* It stays exhausted in the store, which hands it over again
		 * at the next start. */
		log_error("no_memory", log_str("for", "dead_letter"));
		store_delivery_free(delivery);
		free(deliver);
		return;
	}
	*waiting = (struct waiting){NULL, delivery, deliver};
	*letters->end = waiting;
	letters->end = &waiting->next;
}

int64_t
deadletters_used(const struct deadletters *letters)
{
	return retention_used(letters->retention);
}

int64_t
deadletters_due_ms(const struct deadletters *letters)
{
	int64_t due = letters->walking || letters->clearing ? clock_boot_ms()
							    : letters->walk_ms;

	if (letters->first != NULL && letters->write_ms < due)
		due = letters->write_ms;
	return due;
}

/* ---- writing ---- */

static void
pause_writing(struct deadletters *letters)
{
	letters->write_ms = clock_boot_ms() + letters->retry_ms;
	letters->retry_ms *= 2;
	if (letters->retry_ms > RETRY_MAX_MS)
		letters->retry_ms = RETRY_MAX_MS;
}

/* Nothing is written any more: say so, count again before the next try. */
static void
hold(struct deadletters *letters, const char *why)
{
	log_error("dead_letters_full", log_str("directory", letters->directory),
	    log_str("reason", why),
	    log_int("used", retention_used(letters->retention)),
	    log_int("max", letters->max));
	pause_writing(letters);
	letters->walk_ms = letters->write_ms;
}

/* Whether there is room under `max` for one more of that size. */
static bool
has_room(const struct deadletters *letters, int64_t size)
{
	return letters->max == 0 ||
	       retention_used(letters->retention) + size <= letters->max;
}

/* Remove some of the oldest, and go on in the next steps until there is less
 * than `max` by some way, so that it is not done for each letter.  False when
 * nothing is left to remove, or nothing may be. */
static bool
make_room(struct deadletters *letters)
{
	bool removed;

	if (letters->when_full != CONFIG_FULL_DELETE_OLDEST)
		return false;
	removed = retention_remove(letters->retention, letters->directory);
	letters->walking = false;
	letters->clearing = removed && letters->max > 0 &&
			    retention_used(letters->retention) >
				letters->max / 100 * ROOM_PERCENT;
	return removed;
}

/* Count the new file as it is. */
static void
count_file(const struct deadletters *letters, const char *name)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", letters->directory, name);
	if (stat(path, &st) == 0)
		retention_written(letters->retention, st.st_size);
}

/* All that is known of a delivery nobody tries any more, on one line. */
static void
log_dead(const struct deadletter *letter, uint32_t attempts, const char *file)
{
	char id[EVENT_ID_TEXT_SIZE];

	event_id_format(letter->event->id, id);
	log_error("dead", log_str("id", id), log_str("route", letter->route),
	    log_int("attempts", attempts), log_str("reason", letter->reason),
	    log_str("file", file));
}

static void
write_letter(struct deadletters *letters, const struct deadletter *letter)
{
	struct store_delivery *delivery;
	char name[DEADLETTER_NAME_MAX];

	switch (deadletter_write(letters->directory, letters->group, letter)) {
	case DEADLETTER_WRITTEN:
		deadletter_name(letter, name);
		count_file(letters, name);
		letters->retry_ms = RETRY_MIN_MS;
		log_dead(letter, letters->first->delivery->attempt, name);
		delivery = take_first(letters);
		letters->done(letters->arg, delivery);
		break;
	case DEADLETTER_FULL:
		if (!make_room(letters))
			hold(letters, "disk");
		break;
	case DEADLETTER_FAILED:
		pause_writing(letters);
		break;
	}
}

/* Try the first. */
static void
write_first(struct deadletters *letters)
{
	const struct store_delivery *delivery = letters->first->delivery;
	const struct deadletter letter = {.event = delivery->event,
	    .route = delivery->route,
	    .replay = delivery->replay,
	    .worker = letters->worker,
	    .reason = delivery->reason != NULL ? delivery->reason : "",
	    .attempts = delivery->attempts != NULL ? delivery->attempts : "[]",
	    .deliver =
		letters->first->deliver != NULL ? letters->first->deliver : "",
	    .died_at_ms = delivery->died_at_ms};

	if (lock(letters) != 0) {
		log_lock_error(letters);
		pause_writing(letters);
	} else if (has_room(letters, deadletter_size(&letter))) {
		write_letter(letters, &letter);
	} else if (!make_room(letters)) {
		hold(letters, "max");
	}
}

void
deadletters_step(struct deadletters *letters)
{
	int64_t now = clock_boot_ms();

	if (letters->clearing) {
		(void)make_room(letters);
		return;
	}
	if (!letters->walking && now >= letters->walk_ms) {
		retention_begin(
		    letters->retention, letters->directory, letters->keep_ms);
		letters->walking = true;
		letters->walk_ms = now + WALK_MS;
	}
	if (letters->walking)
		letters->walking = retention_walk(letters->retention);
	/* How much there is must be known before more is added. */
	if (letters->first != NULL && now >= letters->write_ms &&
	    (letters->max == 0 || !letters->walking))
		write_first(letters);
}
