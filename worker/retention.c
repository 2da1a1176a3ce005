#include "retention.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "../shared/deadletter.h"
#include "../shared/log.h"

enum { LOOK_AT_ONCE = 256, REMOVE_AT_ONCE = 64, DAY_MS = 86400000 };

struct retention {
	int64_t used; /* -1: not known */
	/* Wall time as of this moment of the boot clock: how far time has
	 * passed, whatever is done to the wall clock. */
	int64_t wall_ms;
	int64_t boot_ms;

	/* The walk. */
	int root; /* -1: none is under way */
	struct dirent **folders;
	int n_folders;
	int next;       /* of them */
	DIR *dir;       /* of the one before that, or NULL */
	bool expired;   /* all that is in it */
	int64_t cut_ms; /* older than this is expired */
	int64_t counted;
	unsigned removed;
};

struct retention *
retention_new(void)
{
	struct retention *retention = calloc(1, sizeof(*retention));

	if (retention == NULL)
		return NULL;
	retention->used = -1;
	retention->root = -1;
	retention->wall_ms = clock_wall_ms();
	retention->boot_ms = clock_boot_ms();
	return retention;
}

static void
end_walk(struct retention *retention)
{
	if (retention->dir != NULL)
		closedir(retention->dir);
	if (retention->root >= 0)
		close(retention->root);
	while (retention->n_folders > 0)
		free(retention->folders[--retention->n_folders]);
	free(retention->folders);
	retention->folders = NULL;
	retention->dir = NULL;
	retention->root = -1;
}

void
retention_free(struct retention *retention)
{
	if (retention == NULL)
		return;
	end_walk(retention);
	free(retention);
}

static int64_t
now_ms(const struct retention *retention)
{
	int64_t passed = clock_boot_ms() - retention->boot_ms;
	int64_t wall = clock_wall_ms();

	return wall < retention->wall_ms + passed ? wall
						  : retention->wall_ms + passed;
}

/* ---- the walk ---- */

static int
only_folders(const struct dirent *entry)
{
	return deadletter_is_day(entry->d_name) ||
	       strcmp(entry->d_name, DEADLETTER_REPLAYED) == 0;
}

/* Days in order, replayed ones behind them. */
static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static DIR *
open_folder(int root, const char *name)
{
	int fd =
	    openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL && fd >= 0)
		close(fd);
	return dir;
}

void
retention_begin(
    struct retention *retention, const char *directory, int64_t keep_ms)
{
	end_walk(retention);
	retention->root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (retention->root < 0)
		return;
	retention->n_folders = scandirat(
	    retention->root, ".", &retention->folders, only_folders, by_name);
	if (retention->n_folders < 0) {
		retention->n_folders = 0;
		retention->folders = NULL;
		end_walk(retention);
		return;
	}
	retention->next = 0;
	retention->cut_ms = now_ms(retention) - keep_ms;
	retention->counted = 0;
	retention->removed = 0;
}

/* Whether all that a folder can hold is expired. */
static bool
is_expired(const struct retention *retention, const char *folder)
{
	char text[DEADLETTER_DAY_SIZE + sizeof("T00:00:00Z")];
	int64_t begins_ms;

	if (!deadletter_is_day(folder))
		return false;
	snprintf(text, sizeof(text), "%.10sT00:00:00Z", folder);
	return clock_parse(text, &begins_ms) == 0 &&
	       begins_ms + DAY_MS <= retention->cut_ms;
}

/* Count one file, or remove it. */
static void
look_at(struct retention *retention, const char *name)
{
	int dir = dirfd(retention->dir);
	struct stat st;
	bool expired = retention->expired;

	if (!deadletter_is_letter(name) ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	/* Replayed ones are in one folder: by the time they were written. */
	if (!deadletter_is_day(retention->folders[retention->next - 1]->d_name))
		expired = (int64_t)st.st_mtim.tv_sec * 1000 < retention->cut_ms;
	if (expired && unlinkat(dir, name, 0) == 0)
		retention->removed++;
	else
		retention->counted += st.st_size;
}

static void
end_folder(struct retention *retention)
{
	closedir(retention->dir);
	retention->dir = NULL;
	if (retention->expired)
		(void)unlinkat(retention->root,
		    retention->folders[retention->next - 1]->d_name,
		    AT_REMOVEDIR);
}

bool
retention_walk(struct retention *retention)
{
	const struct dirent *entry;

	if (retention->root < 0)
		return false;
	if (retention->dir == NULL && retention->next < retention->n_folders) {
		const char *name =
		    retention->folders[retention->next++]->d_name;

		retention->dir = open_folder(retention->root, name);
		retention->expired = is_expired(retention, name);
	}
	for (int i = 0; retention->dir != NULL && i < LOOK_AT_ONCE; i++) {
		entry = readdir(retention->dir);
		if (entry == NULL)
			end_folder(retention);
		else
			look_at(retention, entry->d_name);
	}
	if (retention->dir != NULL || retention->next < retention->n_folders)
		return true;
	retention->used = retention->counted;
	if (retention->removed > 0)
		log_info("dead_letters_expired",
		    log_int("files", retention->removed));
	end_walk(retention);
	return false;
}

/* ---- making room ---- */

/* Remove the first files of a folder; how many. */
static int
remove_first(struct retention *retention, int root, const char *folder)
{
	struct dirent **files = NULL;
	DIR *dir = open_folder(root, folder);
	int n = 0, removed = 0;
	struct stat st;

	if (dir == NULL)
		return 0;
	n = scandirat(dirfd(dir), ".", &files, NULL, by_name);
	for (int i = 0; i < n; i++) {
		if (removed < REMOVE_AT_ONCE &&
		    deadletter_is_letter(files[i]->d_name) &&
		    fstatat(dirfd(dir), files[i]->d_name, &st,
			AT_SYMLINK_NOFOLLOW) == 0 &&
		    unlinkat(dirfd(dir), files[i]->d_name, 0) == 0) {
			removed++;
			retention->used -= st.st_size;
		}
		free(files[i]);
	}
	free(files);
	closedir(dir);
	if (deadletter_is_day(folder))
		/* Only when it is empty now. */
		(void)unlinkat(root, folder, AT_REMOVEDIR);
	return removed;
}

bool
retention_remove(struct retention *retention, const char *directory)
{
	int root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), n;
	struct dirent **folders = NULL;
	int removed;

	if (root < 0)
		return false;
	/* A walk under way would count what is removed here. */
	end_walk(retention);
	removed = remove_first(retention, root, DEADLETTER_REPLAYED);
	n = scandirat(root, ".", &folders, only_folders, by_name);
	for (int i = 0; i < n; i++) {
		if (removed == 0)
			removed =
			    remove_first(retention, root, folders[i]->d_name);
		free(folders[i]);
	}
	free(folders);
	close(root);
	if (removed > 0)
		log_warn("dead_letters_removed", log_int("files", removed),
		    log_str("reason", "max"));
	return removed > 0;
}

int64_t
retention_used(const struct retention *retention)
{
	return retention->used;
}

void
retention_written(struct retention *retention, int64_t bytes)
{
	if (retention->used >= 0)
		retention->used += bytes;
	retention->counted += bytes;
}
