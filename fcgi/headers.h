/*
 * headers - what of a request's headers is stored and handed on
 *
 * All but hop-by-hop ones, cookies, credentials and whatever the scheme reads
 * as secret or signature.  A refused request that is kept for a look has the
 * signature too, where it gives no secret away, and `-` for what is secret.
 * Pure.
 */

#ifndef FCGI_HEADERS_H
#define FCGI_HEADERS_H

#include "../shared/buf.h"
#include "params.h"

enum {
	HEADERS_MAX = 64,
	HEADERS_BYTES_MAX = 16384, /* of the JSON text */
};

/*
 * Append one JSON object; a name that came twice has its values joined by
 * ", " (RFC 9110 5.3).  Headers over a limit are left out.  0, or -1 with
 * out->failed set.
 */
int headers_write(
    const struct scheme *scheme, const struct params *params, struct buf *out);
/* The same for a refused request. */
int headers_write_rejected(
    const struct scheme *scheme, const struct params *params, struct buf *out);

#endif
