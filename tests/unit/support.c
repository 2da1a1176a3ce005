#include "support.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- allocations: the linker sends gaff's calls here (--wrap) ---- */

static unsigned fail_at;
static unsigned made;

static int
fails(void)
{
	return __atomic_add_fetch(&made, 1, __ATOMIC_RELAXED) == fail_at;
}

void
support_fail_alloc(unsigned n)
{
	fail_at = n;
	made = 0;
}

unsigned
support_allocs(void)
{
	return made;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *
__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

char *
__wrap_strndup(const char *s, size_t n)
{
	return fails() ? NULL : __real_strndup(s, n);
}

/* ---- files ---- */

char *
support_dir(void)
{
	const char *under = getenv("TMPDIR");
	char *dir = support_path(under != NULL ? under : "/tmp", "gaff.XXXXXX");

	if (mkdtemp(dir) == NULL)
		fail_msg("cannot make %s", dir);
	return dir;
}

static int
remove_one(
    const char *path, const struct stat *st, int type, struct FTW *position)
{
	(void)st;
	(void)type;
	(void)position;
	return remove(path);
}

void
support_dir_remove(char *dir)
{
	if (dir == NULL)
		return;
	if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		fail_msg("cannot remove %s", dir);
	free(dir);
}

char *
support_path(const char *dir, const char *name)
{
	char *path = NULL;

	assert_int_not_equal(asprintf(&path, "%s/%s", dir, name), -1);
	return path;
}

void
support_write(const char *path, const void *bytes, size_t len, unsigned mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd == -1)
		fail_msg("cannot open %s", path);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, (mode_t)mode), 0);
	assert_int_equal(close(fd), 0);
}

static char *
read_all(int fd, size_t *len)
{
	struct stat st;
	char *bytes;

	assert_int_equal(fstat(fd, &st), 0);
	bytes = __real_malloc((size_t)st.st_size + 1);
	assert_non_null(bytes);
	assert_int_equal(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
	bytes[st.st_size] = '\0';
	if (len != NULL)
		*len = (size_t)st.st_size;
	return bytes;
}

char *
support_read(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *bytes;

	if (fd == -1)
		fail_msg("cannot open %s", path);
	bytes = read_all(fd, len);
	(void)close(fd);
	return bytes;
}

/* ---- standard error and output ---- */

static int kept_fd = -1;
static int saved_fd = -1;

static void
keep(int fd)
{
	kept_fd = memfd_create("kept", MFD_CLOEXEC);
	saved_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	assert_int_not_equal(kept_fd, -1);
	assert_int_not_equal(saved_fd, -1);
	assert_int_equal(dup2(kept_fd, fd), fd);
}

static char *
hand_out(int fd)
{
	char *text;

	assert_int_equal(dup2(saved_fd, fd), fd);
	text = read_all(kept_fd, NULL);
	(void)close(saved_fd);
	(void)close(kept_fd);
	saved_fd = kept_fd = -1;
	return text;
}

void
support_stderr_begin(void)
{
	keep(STDERR_FILENO);
}

char *
support_stderr_end(void)
{
	return hand_out(STDERR_FILENO);
}

void
support_stdout_begin(void)
{
	(void)fflush(stdout);
	keep(STDOUT_FILENO);
}

char *
support_stdout_end(void)
{
	(void)fflush(stdout);
	return hand_out(STDOUT_FILENO);
}

/* ---- texts ---- */

size_t
support_unhex(const char *hex, unsigned char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;
	unsigned value = 0;

	for (; *hex != '\0'; hex += *hex != '\0') {
		const char *digit;

		if (*hex == '#')
			hex += strcspn(hex, "\n");
		digit = *hex != '\0' ? strchr(digits, *hex) : NULL;
		if (digit == NULL)
			continue;
		value = value << 4 | (unsigned)(digit - digits);
		if (n++ % 2 == 1) {
			assert_true(n / 2 <= size);
			out[n / 2 - 1] = (unsigned char)value;
		}
	}
	assert_int_equal(n % 2, 0);
	return n / 2;
}

void
support_shell(const char *line)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (status != 0)
		fail_msg("status %d of: %s", status, line);
}

void
support_contains(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("expected <%s> in <%s>", part, text);
}
