#include "secret.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "config.h"

enum { FILE_MAX = 65536 /* bytes: room for any PEM key */ };

static int fail(char error[SECRET_ERROR_SIZE], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
fail(char error[SECRET_ERROR_SIZE], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(error, SECRET_ERROR_SIZE, fmt, ap);
	va_end(ap);
	return -1;
}

static int
set(struct secret *secret, const void *p, size_t len,
    char error[SECRET_ERROR_SIZE])
{
	unsigned char *copy = malloc(len + 1);

	if (copy == NULL)
		return fail(error, "no memory");
	memcpy(copy, p, len);
	copy[len] = '\0';
	*secret = (struct secret){copy, len};
	return 0;
}

/* Only files nobody else can read or plant. */
static int
check_file(int fd, const char *path, char error[SECRET_ERROR_SIZE])
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fail(error, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(error, "%s: not a regular file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return fail(error,
		    "%s: belongs to uid %u, must be root's or that of uid %u",
		    path, (unsigned)st.st_uid, (unsigned)geteuid());
	if ((st.st_mode & 07) != 0)
		return fail(error,
		    "%s: open to others (mode %04o): chmod o= it", path,
		    (unsigned)(st.st_mode & 07777));
	if (st.st_size > FILE_MAX)
		return fail(error, "%s: larger than %d bytes", path, FILE_MAX);
	return 0;
}

static size_t
without_newline(const char *p, size_t len)
{
	if (len > 0 && p[len - 1] == '\n') {
		len--;
		if (len > 0 && p[len - 1] == '\r')
			len--;
	}
	return len;
}

static int
read_file(
    const char *path, struct secret *secret, char error[SECRET_ERROR_SIZE])
{
	char bytes[FILE_MAX];
	size_t len = 0;
	ssize_t n = 0;
	int rc = -1;
	/* not blocking: a FIFO must not hang the reader */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd == -1)
		return fail(error, "%s: %s", path, strerror(errno));
	if (check_file(fd, path, error) != 0)
		goto out;
	do {
		n = read(fd, bytes + len, sizeof bytes - len);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0 || (n == -1 && errno == EINTR));
	if (n == -1)
		rc = fail(error, "%s: %s", path, strerror(errno));
	else
		rc = set(secret, bytes, without_newline(bytes, len), error);
out:
	OPENSSL_cleanse(bytes, len);
	(void)close(fd);
	return rc;
}

static int
from_file(const char *rest, const char *directory, struct secret *secret,
    char error[SECRET_ERROR_SIZE])
{
	char *path = NULL;
	int rc;

	if (*rest == '\0')
		return fail(error, "file: without a path");
	if (*rest == '/' || directory == NULL)
		return read_file(rest, secret, error);
	if (asprintf(&path, "%s/%s", directory, rest) == -1)
		return fail(error, "no memory");
	rc = read_file(path, secret, error);
	free(path);
	return rc;
}

static int
from_credential(const char *rest, const char *directory, struct secret *secret,
    char error[SECRET_ERROR_SIZE])
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	(void)directory;
	if (*rest == '\0' || *rest == '.' || strchr(rest, '/') != NULL)
		return fail(error, "credential: wants a plain name");
	if (credentials == NULL || *credentials != '/')
		return fail(error,
		    "credential %s: CREDENTIALS_DIRECTORY is not set: "
		    "start under systemd with LoadCredential=",
		    rest);
	return from_file(rest, credentials, secret, error);
}

static int
from_env(const char *rest, const char *directory, struct secret *secret,
    char error[SECRET_ERROR_SIZE])
{
	const char *value = getenv(rest);

	(void)directory;
	if (value == NULL)
		return fail(error, "environment variable %s is not set", rest);
	return set(secret, value, strlen(value), error);
}

static int
from_base64(const char *rest, const char *directory, struct secret *secret,
    char error[SECRET_ERROR_SIZE])
{
	size_t len = strlen(rest);
	size_t digits = strspn(rest,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
	size_t pads = strspn(rest + digits, "=");
	unsigned char *p;

	(void)directory;
	if (digits + pads != len || len % 4 != 0 || pads > 2 || len > FILE_MAX)
		return fail(error, "base64: not base64 with its padding");
	p = malloc(len / 4 * 3 + 1);
	if (p == NULL)
		return fail(error, "no memory");
	if (EVP_DecodeBlock(p, (const unsigned char *)rest, (int)len) < 0) {
		free(p);
		return fail(error, "base64: not base64");
	}
	*secret = (struct secret){p, len / 4 * 3 - pads};
	p[secret->len] = '\0';
	return 0;
}

static const struct origin {
	const char *prefix;
	int (*read)(const char *rest, const char *directory,
	    struct secret *secret, char error[SECRET_ERROR_SIZE]);
} origins[] = {
    {"file:", from_file},
    {"env:", from_env},
    {"credential:", from_credential},
    {"base64:", from_base64},
};

static int
resolve(const char *text, const char *directory, struct secret *secret,
    char error[SECRET_ERROR_SIZE])
{
	for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
		size_t len = strlen(origins[i].prefix);

		if (strncmp(text, origins[i].prefix, len) == 0)
			return origins[i].read(
			    text + len, directory, secret, error);
	}
	return set(secret, text, strlen(text), error);
}

int
secret_read(const char *text, const char *directory, int strict,
    struct secret *secret, char error[SECRET_ERROR_SIZE])
{
	struct secret found = {NULL, 0};

	if (resolve(text, directory, &found, error) != 0)
		return -1;
	if (strict && found.len < CONFIG_SECRET_MIN) {
		int rc = found.len == 0
			     ? fail(error, "the secret is empty")
			     : fail(error, "the secret has under %d bytes",
				   CONFIG_SECRET_MIN);

		secret_clear(&found);
		return rc;
	}
	*secret = found;
	return 0;
}

void
secret_clear(struct secret *secret)
{
	if (secret->p != NULL)
		OPENSSL_cleanse(secret->p, secret->len);
	free(secret->p);
	*secret = (struct secret){NULL, 0};
}
