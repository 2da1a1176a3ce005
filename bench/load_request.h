/*
 * load_request - the requests that load sends: files made unique and signed
 *
 * One process has one set of them; all functions are of one thread.
 */

#ifndef BENCH_LOAD_REQUEST_H
#define BENCH_LOAD_REQUEST_H

#include <stddef.h>
#include <stdint.h>

struct load_request_options {
	const char *path;
	const char *kind; /* github or stripe */
	const char *secret;
};

struct load_request {
	char *data; /* whole: request line, headers, body */
	size_t len;
};

/* Read the files.  0, or -1 with a message.  The options stay the caller's
 * and are used until the end. */
int load_request_init(
    const struct load_request_options *options, char **files, int n_files);

/* Room for the largest; 0, or -1 without memory. */
int load_request_alloc(struct load_request *request);

/* Make request number n of this process. */
void load_request_make(struct load_request *request, uint64_t n);

#endif
