/*
 * records - the first bytes of a FastCGI connection, before libfcgi has them,
 * and the answer, which needs none of what it keeps for a request
 *
 * libfcgi 2.4.2 overruns a buffer when a GET_VALUES record names more than
 * three variables, and aborts on long lengths; a web server sends neither.
 * https://fastcgi-archives.github.io/FastCGI_Specification.html  Pure.
 */

#ifndef FCGI_RECORDS_H
#define FCGI_RECORDS_H

#include <stddef.h>

#include "../shared/buf.h"

enum {
	RECORDS_FIRST = 16,   /* bytes of the BEGIN_REQUEST record */
	RECORDS_PEEK = 16384, /* bytes worth looking at */
};

enum records_result {
	RECORDS_OK,
	RECORDS_WHOLE, /* OK, and the end of the request is there */
	RECORDS_SHORT, /* under RECORDS_FIRST bytes: look again */
	RECORDS_BAD,
};

/* Judge as much of a connection's beginning as is there. */
enum records_result records_check(const unsigned char *p, size_t len);

/* Append a whole answer to a request: its output and its end.  0, or -1
 * without memory. */
int records_answer(struct buf *out, unsigned id, const void *p, size_t len);

#endif
