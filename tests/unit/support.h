/*
 * support - what unit tests share: cmocka, failing allocations, temporary
 * directories, standard error
 *
 * Helpers fail the running test when they cannot do their work.
 */

#ifndef TESTS_UNIT_SUPPORT_H
#define TESTS_UNIT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * The n-th allocation (malloc, calloc, realloc, reallocarray, strdup, strndup)
 * from now on that gaff's code makes fails, once; 0: none does.  Allocations
 * inside libraries do not count.  The loop over all of them:
 *
 *	for (unsigned n = 1; support_fail_alloc(n), f() != 0; n++)
 *		check that nothing changed;
 *	support_fail_alloc(0);
 */
void support_fail_alloc(unsigned n);

/* How many were made since the last support_fail_alloc(). */
unsigned support_allocs(void);

/* A new empty directory, absolute; support_dir_remove() removes it with all
 * that is in it and frees its name (NULL is fine). */
char *support_dir(void);
void support_dir_remove(char *dir);

/* "DIR/NAME"; the caller frees it. */
char *support_path(const char *dir, const char *name);

/* Write a whole file with exactly this mode. */
void
support_write(const char *path, const void *bytes, size_t len, unsigned mode);

/* A whole file, NUL-terminated; the caller frees it.  `len` may be NULL. */
char *support_read(const char *path, size_t *len);

/* Keep what is written to standard error until support_stderr_end(), which
 * hands it out; the caller frees it. */
void support_stderr_begin(void);
char *support_stderr_end(void);

/* The same for standard output; not both at a time. */
void support_stdout_begin(void);
char *support_stdout_end(void);

/* Bytes of a text of lower-case hexadecimal digits; what is between them, and
 * from `#` to the end of a line, is skipped.  Returns their number. */
size_t support_unhex(const char *hex, unsigned char *out, size_t size);

/* Run a line of shell, which must succeed. */
void support_shell(const char *line);

/* Fails with both texts unless `text` contains `part`. */
void support_contains(const char *text, const char *part);

#endif
