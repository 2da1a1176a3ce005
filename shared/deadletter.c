#include "deadletter.h"

#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "codec.h"
#include "log.h"

enum { FOLDER_MODE = 0750, FILE_MODE = 0640, HEAD_ROOM = 1024 };

void
deadletter_name(const struct deadletter *letter, char out[DEADLETTER_NAME_MAX])
{
	char died_at[CLOCK_TEXT_SIZE], id[EVENT_ID_TEXT_SIZE];

	clock_format(letter->died_at_ms, died_at);
	event_id_format(letter->event->id, id);
	snprintf(out, DEADLETTER_NAME_MAX,
	    "%.10s/%s.%.64s.%" PRIu32 DEADLETTER_SUFFIX, died_at, id,
	    letter->route, letter->replay);
}

int64_t
deadletter_size(const struct deadletter *letter)
{
	return (int64_t)(event_size(letter->event) + strlen(letter->attempts) +
			 HEAD_ROOM);
}

/* ---- the first line ---- */

static void
add_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":\"", name);
	buf_add_json(out, text, strlen(text));
	buf_add_char(out, '"');
}

static void
add_time(struct buf *out, const char *name, int64_t wall_ms)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(wall_ms, text);
	add_text(out, name, text);
}

/* JSON of others: read and written again, so that it is JSON and one line. */
static void
add_json(struct buf *out, const char *name, const char *text, json_type type)
{
	json_t *value = json_loads(text, JSON_ALLOW_NUL, NULL);
	char *line = NULL;

	if (value != NULL && json_typeof(value) == type)
		line = json_dumps(value, JSON_COMPACT);
	json_decref(value);
	buf_printf(out, ",\"%s\":%s", name,
	    line != NULL ? line : (type == JSON_ARRAY ? "[]" : "{}"));
	free(line);
}

static void
add_flags(struct buf *out, unsigned flags)
{
	bool first = true;

	for (unsigned i = 0; i < EVENT_FLAGS; i++) {
		if ((flags >> i & 1) == 0)
			continue;
		buf_printf(out, "%s\"%s\"", first ? ",\"flags\":[" : ",",
		    event_flag_name(i));
		first = false;
	}
	if (!first)
		buf_add_char(out, ']');
}

static void
add_head(struct buf *out, const struct deadletter *letter)
{
	const struct event *event = letter->event;
	char id[EVENT_ID_TEXT_SIZE];

	event_id_format(event->id, id);
	buf_printf(out, "{\"format\":%d", (int)DEADLETTER_FORMAT);
	add_text(out, "id", id);
	add_text(out, "source", event->source);
	add_text(out, "key", event->key);
	add_text(out, "type", event->type);
	add_text(out, "route", letter->route);
	buf_printf(out, ",\"replay\":%" PRIu32, letter->replay);
	add_text(out, "scheme", event->scheme);
	add_text(out, "worker", letter->worker);
	add_time(out, "received_at", event->received_at_ms);
	add_time(out, "died_at", letter->died_at_ms);
	add_text(out, "reason", letter->reason);
	add_text(out, "deliver", letter->deliver);
	add_json(out, "attempts", letter->attempts, JSON_ARRAY);
	add_text(out, "remote", event->remote);
	add_text(out, "method", event->method);
	add_text(out, "path", event->path);
	add_text(out, "query", event->query);
	add_text(out, "content_type", event->content_type);
	add_json(out, "headers", event->headers, JSON_OBJECT);
	if (event->probe)
		buf_add_str(out, ",\"probe\":true");
	add_flags(out, event->flags);
	buf_printf(
	    out, ",\"body_bytes\":%zu,\"body_sha256\":\"", event->body_len);
	codec_encode(CODEC_HEX, event->sha256, sizeof(event->sha256), out);
	buf_add_str(out, "\"}\n");
}

/* ---- folders ---- */

/* Open a folder below `at`, or make it; -1 with errno. */
static int
open_folder(int at, const char *name, gid_t group)
{
	int fd;

	if (mkdirat(at, name, FOLDER_MODE) != 0 && errno != EEXIST)
		return -1;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && group != (gid_t)-1 &&
	    fchown(fd, (uid_t)-1, group) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The directory itself may be a link: its name is the administrator's. */
static int
open_directory(const char *directory, gid_t group)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), parent;

	if (fd >= 0 || errno != ENOENT)
		return fd;
	fd = open_folder(AT_FDCWD, directory, group);
	if (fd < 0)
		return -1;
	parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent >= 0) {
		(void)fsync(parent);
		close(parent);
	}
	return fd;
}

/* ---- the file ---- */

/* 0, or -1 with errno. */
static int
write_all(int fd, const void *bytes, size_t len)
{
	const char *p = bytes;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Write and sync the temporary file.  0, or -1 with errno; it is left then. */
static int
write_temp(int dir, const char *temp, gid_t group, const struct buf *head,
    const struct event *event)
{
	int fd, flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int error = 0;

	/* One that was left is ours: the directory is locked. */
	(void)unlinkat(dir, temp, 0);
	fd = openat(dir, temp, flags, FILE_MODE);
	if (fd < 0)
		return -1;
	/* No room is found out before the first byte, where that works. */
	if (fallocate(fd, 0, 0, (off_t)(head->len + event->body_len)) != 0 &&
	    errno != EOPNOTSUPP && errno != ENOSYS)
		error = errno;
	if (error == 0 &&
	    (fchmod(fd, FILE_MODE) != 0 ||
		(group != (gid_t)-1 && fchown(fd, (uid_t)-1, group) != 0) ||
		write_all(fd, head->p, head->len) != 0 ||
		write_all(fd, event->body, event->body_len) != 0 ||
		fsync(fd) != 0))
		error = errno;
	if (close(fd) != 0 && error == 0)
		error = errno;
	errno = error;
	return error == 0 ? 0 : -1;
}

/* Whether the file that has the name already is this letter, whole. */
static bool
is_same(const char *directory, const char *name, const struct event *event)
{
	struct buf path = {0}, sha256 = {0};
	json_t *head = NULL;
	void *body = NULL;
	char error[256];
	size_t len;
	bool same = false;
	const char *found;

	buf_printf(&path, "%s/%s", directory, name);
	codec_encode(CODEC_HEX, event->sha256, sizeof(event->sha256), &sha256);
	if (!path.failed && !sha256.failed &&
	    deadletter_read(buf_str(&path), &head, &body, &len, error) == 0) {
		found = json_string_value(json_object_get(head, "body_sha256"));
		same = found != NULL && strcmp(found, buf_str(&sha256)) == 0;
	}
	json_decref(head);
	free(body);
	buf_clear(&path);
	buf_clear(&sha256);
	return same;
}

/* Give the temporary file its name, unless something else has it.  0, or -1
 * with errno. */
static int
rename_new(int from, const char *temp, int to, const char *name)
{
	if (renameat2(from, temp, to, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* A file system without that. */
	if (linkat(from, temp, to, name, 0) != 0)
		return -1;
	return unlinkat(from, temp, 0);
}

static enum deadletter_result
fail(const char *directory, const char *name, int error)
{
	if (error == ENOSPC || error == EDQUOT)
		return DEADLETTER_FULL;
	log_error("dead_letter_failed", log_str("directory", directory),
	    log_str("file", name),
	    log_str("error", error == EEXIST ? "another file has this name"
					     : strerror(error)));
	return DEADLETTER_FAILED;
}

/* With the head made: 0, or -1 with errno. */
static int
place(const char *directory, gid_t group, const struct deadletter *letter,
    const struct buf *head)
{
	char name[DEADLETTER_NAME_MAX], temp[DEADLETTER_NAME_MAX];
	char day[DEADLETTER_DAY_SIZE];
	const char *file = name + DEADLETTER_DAY_SIZE;
	int dir = -1, folder = -1, error = 0;

	deadletter_name(letter, name);
	snprintf(day, sizeof(day), "%.10s", name);
	snprintf(temp, sizeof(temp), DEADLETTER_TEMP "%.150s", file);
	dir = open_directory(directory, group);
	if (dir >= 0)
		folder = open_folder(dir, day, group);
	if (folder < 0 ||
	    write_temp(dir, temp, group, head, letter->event) != 0 ||
	    rename_new(dir, temp, folder, file) != 0)
		error = errno;
	if (error == EEXIST && is_same(directory, name, letter->event))
		error = 0;
	if (error == 0 && (fsync(folder) != 0 || fsync(dir) != 0))
		error = errno;
	if (dir >= 0)
		(void)unlinkat(dir, temp, 0);
	if (folder >= 0)
		close(folder);
	if (dir >= 0)
		close(dir);
	errno = error;
	return error == 0 ? 0 : -1;
}

enum deadletter_result
deadletter_write(
    const char *directory, gid_t group, const struct deadletter *letter)
{
	enum deadletter_result result = DEADLETTER_WRITTEN;
	char name[DEADLETTER_NAME_MAX];
	struct buf head = {0};

	deadletter_name(letter, name);
	add_head(&head, letter);
	if (head.failed)
		result = fail(directory, name, ENOMEM);
	else if (place(directory, group, letter, &head) != 0)
		result = fail(directory, name, errno);
	buf_clear(&head);
	return result;
}
