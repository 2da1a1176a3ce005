/* Reading dead letters, walking over them, moving them. */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "buf.h"
#include "codec.h"
#include "deadletter.h"
#include "log.h"

enum { ERROR_SIZE = 256 };

/* ---- one file ---- */

/* A regular file's bytes, malloc()ed; NULL with errno. */
static char *
read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char *bytes = NULL;
	struct stat st;
	ssize_t n = 0;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0)
		goto out;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		goto out;
	}
	bytes = malloc((size_t)st.st_size + 1);
	for (*len = 0; bytes != NULL && *len < (size_t)st.st_size;
	     *len += (size_t)n) {
		n = read(fd, bytes + *len, (size_t)st.st_size - *len);
		if (n <= 0)
			break;
	}
	if (n < 0) {
		free(bytes);
		bytes = NULL;
	}
out:
	close(fd);
	return bytes;
}

/* A sentence about what is wrong, or NULL. */
static const char *
check_body(const json_t *head, const void *body, size_t len)
{
	const char *said =
	    json_string_value(json_object_get(head, "body_sha256"));
	unsigned char sha256[EVENT_SHA256_LEN];
	const char *fault = NULL;
	struct buf hex = {0};

	if (json_integer_value(json_object_get(head, "body_bytes")) !=
	    (json_int_t)len)
		return "the body is not as long as the head says";
	if (EVP_Digest(body, len, sha256, NULL, EVP_sha256(), NULL) != 1 ||
	    codec_encode(CODEC_HEX, sha256, sizeof(sha256), &hex) != 0)
		fault = "no memory";
	else if (said == NULL || strcmp(said, buf_str(&hex)) != 0)
		fault = "the body is not what the head says";
	buf_clear(&hex);
	return fault;
}

int
deadletter_read(const char *path, json_t **head, void **body, size_t *body_len,
    char error[ERROR_SIZE])
{
	const char *fault = NULL;
	char *bytes, *newline;
	json_t *line = NULL;
	size_t len = 0;

	bytes = read_file(path, &len);
	if (bytes == NULL) {
		snprintf(error, ERROR_SIZE, "%s", strerror(errno));
		return -1;
	}
	newline = memchr(bytes, '\n', len);
	if (newline != NULL)
		line = json_loadb(
		    bytes, (size_t)(newline - bytes), JSON_ALLOW_NUL, NULL);
	if (!json_is_object(line)) {
		fault = "its first line is no JSON object";
	} else if (json_integer_value(json_object_get(line, "format")) !=
		   DEADLETTER_FORMAT) {
		fault = "its format is not known";
	} else {
		len -= (size_t)(newline + 1 - bytes);
		memmove(bytes, newline + 1, len);
		fault = check_body(line, bytes, len);
	}
	if (fault != NULL) {
		snprintf(error, ERROR_SIZE, "%s", fault);
		json_decref(line);
		free(bytes);
		return -1;
	}
	*head = line;
	*body = bytes;
	*body_len = len;
	return 0;
}

/* ---- names ---- */

bool
deadletter_is_day(const char *name)
{
	static const char shape[] = "dddd-dd-dd";
	size_t i;

	for (i = 0; shape[i] != '\0'; i++)
		if (shape[i] == 'd' ? name[i] < '0' || name[i] > '9'
				    : name[i] != shape[i])
			return false;
	return name[i] == '\0';
}

bool
deadletter_is_letter(const char *name)
{
	size_t len = strlen(name), suffix = strlen(DEADLETTER_SUFFIX);

	return name[0] != '.' && len > suffix &&
	       strcmp(name + len - suffix, DEADLETTER_SUFFIX) == 0;
}

static int
only_days(const struct dirent *entry)
{
	return deadletter_is_day(entry->d_name);
}

static int
only_letters(const struct dirent *entry)
{
	return deadletter_is_letter(entry->d_name);
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
free_entries(struct dirent **entries, int n)
{
	while (n > 0)
		free(entries[--n]);
	free(entries);
}

/* ---- walking ---- */

static int
each_of_day(
    const char *directory, const char *day, deadletter_fn *fn, void *arg)
{
	struct dirent **files = NULL;
	struct buf path = {0};
	int n, result = 0;

	buf_printf(&path, "%s/%s", directory, day);
	if (path.failed)
		return -1;
	n = scandir(buf_str(&path), &files, only_letters, by_name);
	if (n < 0)
		/* Gone meanwhile is fine. */
		result = errno == ENOENT ? 0 : -1;
	for (int i = 0; i < n && result == 0; i++) {
		buf_reset(&path);
		buf_printf(&path, "%s/%s/%s", directory, day, files[i]->d_name);
		result = path.failed ? -1 : fn(arg, buf_str(&path));
	}
	free_entries(files, n);
	buf_clear(&path);
	return result;
}

int
deadletter_each(const char *directory, deadletter_fn *fn, void *arg)
{
	struct dirent **days = NULL;
	int n = scandir(directory, &days, only_days, by_name), result = 0;

	if (n < 0)
		return -1;
	for (int i = 0; i < n && result == 0; i++)
		result = each_of_day(directory, days[i]->d_name, fn, arg);
	free_entries(days, n);
	return result;
}

int
deadletter_sweep(const char *directory)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;

	if (dir == NULL)
		return errno == ENOENT ? 0 : -1;
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, DEADLETTER_TEMP,
			strlen(DEADLETTER_TEMP)) == 0)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	return 0;
}

/* ---- moving ---- */

/* 0, or -1 with errno. */
static int
move(int dir, const char *path, const char *name)
{
	int replayed, error = 0;

	if (mkdirat(dir, DEADLETTER_REPLAYED, 0750) != 0 && errno != EEXIST)
		return -1;
	replayed = openat(dir, DEADLETTER_REPLAYED,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (replayed < 0)
		return -1;
	if (renameat(AT_FDCWD, path, replayed, name) != 0 ||
	    fsync(replayed) != 0 || fsync(dir) != 0)
		error = errno;
	close(replayed);
	errno = error;
	return error == 0 ? 0 : -1;
}

int
deadletter_retire(const char *directory, const char *path)
{
	const char *slash = strrchr(path, '/');
	int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = -1;

	if (dir >= 0)
		result = move(dir, path, slash != NULL ? slash + 1 : path);
	if (result != 0)
		log_error("dead_letter_not_moved", log_str("file", path),
		    log_str("to", DEADLETTER_REPLAYED),
		    log_str("error", strerror(errno)));
	if (dir >= 0)
		close(dir);
	return result;
}
