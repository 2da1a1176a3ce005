/*
 * url - where a source is
 */

#ifndef CLI_URL_H
#define CLI_URL_H

#include "../shared/buf.h"

/* Append `url`; an origin (https://HOST) gets `path` behind it.  NULL or ""
 * appends nothing.  0, or -1 without memory. */
int url_add(struct buf *out, const char *url, const char *path);

#endif
