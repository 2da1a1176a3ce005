/*
 * dev - what `gaff dev` writes into its directory
 *
 * Everything of a run is in one new directory: configuration, secret, sockets,
 * store, logs; all of it is gone at the end.
 */

#ifndef CLI_DEV_H
#define CLI_DEV_H

#include <stdint.h>

#include "../shared/buf.h"
#include "../shared/scheme.h"

/* Everything belongs to the caller. */
struct dev_setup {
	const char *directory;
	int64_t port;
	const struct scheme *scheme; /* its name is the source's, too */
	const char *run;             /* a line for the shell, or NULL */
	const char *forward;         /* a URL, or NULL */
	const char *cwd;             /* where `run` runs */
	const char *path;            /* its PATH */
};

/* The files within the directory. */
#define DEV_CONFIG   "gaff.conf"
#define DEV_LIGHTTPD "lighttpd.conf"
#define DEV_HANDLER  "handler" /* a shell script */
#define DEV_OUTPUT   "output"  /* a FIFO: what the handler prints */
#define DEV_SECRET   "secret"
#define DEV_SOCKET   "fcgi.sock"

/* Append the text of each; pure.  0, or -1 without memory. */
int dev_config(const struct dev_setup *setup, struct buf *out);
int dev_lighttpd(const struct dev_setup *setup, struct buf *out);
int dev_handler(const struct dev_setup *setup, struct buf *out);

/* A new directory below TMPDIR, else /tmp; the caller frees the path.  NULL
 * after a sentence. */
char *dev_directory_make(void);
/* Remove it with all that is in it; a sentence where that fails. */
void dev_directory_remove(const char *directory);

/* Write a file of the directory, readable by its owner only; the FIFO.  0, or
 * -1 after a sentence. */
int dev_write(const char *directory, const char *name, struct buf *text);
int dev_fifo(const char *directory, const char *name);

#endif
