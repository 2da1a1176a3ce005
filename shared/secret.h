/*
 * secret - read a secret from where the configuration says it is
 *
 * `file:PATH`, `env:NAME`, `credential:NAME` (systemd's CREDENTIALS_DIRECTORY),
 * `base64:TEXT`, or the bare text.
 */

#ifndef SHARED_SECRET_H
#define SHARED_SECRET_H

#include <stddef.h>

enum { SECRET_ERROR_SIZE = 256 };

struct secret {
	unsigned char *p; /* NUL-terminated for convenience, not counted */
	size_t len;
};

/*
 * Resolve `text`; relative paths are relative to `directory`.  A file must be
 * a regular one of root's or the reader's with no bit for others; its trailing
 * newline is cut.  0, or -1 with a sentence (never the value) in `error`.
 * With `strict`, empty secrets and those under 8 bytes are refused.
 */
int secret_read(const char *text, const char *directory, int strict,
    struct secret *secret, char error[SECRET_ERROR_SIZE]);

/* Overwrite and release. */
void secret_clear(struct secret *secret);

#endif
