/*
 * exchanges - those of a curl multi that can go on
 *
 * curl_multi_perform() looks at every exchange each time; here only at those
 * whose socket has something, as epoll(7) says, or whose time has come.  What
 * has ended is told by transfer_ready().
 */

#ifndef WORKER_EXCHANGES_H
#define WORKER_EXCHANGES_H

#include <stdint.h>

#include <curl/curl.h>

struct exchanges;

/* Of a new multi, for its life; it stays the caller's.  NULL, logged. */
struct exchanges *exchanges_open(CURLM *multi);
/* Before the multi is cleaned up, after its handles were removed; NULL is
 * fine. */
void exchanges_close(struct exchanges *exchanges);

/* Readable when there may be something to do. */
int exchanges_fd(const struct exchanges *exchanges);
/* When there is something to do in any case, on the boot clock; INT64_MAX:
 * never.  For a handle that was just added: now. */
int64_t exchanges_due_ms(const struct exchanges *exchanges);

/* Go on with those that can. */
void exchanges_run(struct exchanges *exchanges);
/* Only with those whose time has come: those that were just added begin. */
void exchanges_begin(struct exchanges *exchanges);

#endif
