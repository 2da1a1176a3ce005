/*
 * post_headers - the headers of a POST to a destination (no I/O)
 *
 * Ours first: content-type, webhook-id, webhook-timestamp, gaff-*, and those of
 * the signature.  Then the stored ones that the route's `forward` lets through,
 * but none of a name we set, none that belongs to the connection
 * (RFC 9110, 7.6.1), and none whose name or value cannot be sent.
 */

#ifndef WORKER_POST_HEADERS_H
#define WORKER_POST_HEADERS_H

#include <stdint.h>

#include <curl/curl.h>

#include "../shared/config.h"
#include "store.h"

enum { POST_HEADERS_ERROR_SIZE = 256 };

/* A list for CURLOPT_HTTPHEADER, the caller's.  NULL with a sentence in `error`
 * when there is no memory or the body cannot be signed. */
struct curl_slist *post_headers(const struct config_route *route,
    const struct store_delivery *delivery, int64_t now_ms,
    char error[POST_HEADERS_ERROR_SIZE]);

#endif
