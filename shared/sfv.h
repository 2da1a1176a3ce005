/*
 * sfv - structured field values for HTTP
 *
 * RFC 9651 (and 8941, which it replaces): items, lists, dictionaries, inner
 * lists, parameters.  A parsed field is a tree of nodes in the caller's
 * storage, whose texts point into the field's own; nothing is allocated but in
 * sfv_text(), sfv_bytes() and sfv_write().  A key that is there twice has the
 * last value, as the RFC says.  Display strings (RFC 9651, 3.3.8) are refused:
 * nothing here knows any.
 */

#ifndef SHARED_SFV_H
#define SHARED_SFV_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum {
	SFV_NODES_MAX = 128, /* members, items and parameters of one field */
};

enum sfv_type {
	SFV_INTEGER,
	SFV_DECIMAL, /* number: in thousandths */
	SFV_STRING,
	SFV_TOKEN,
	SFV_BYTES,
	SFV_BOOLEAN, /* number: 0 or 1 */
	SFV_DATE,    /* number: seconds since 1970 */
	SFV_INNER_LIST,
};

/* A plain value.  The links are sfv.c's. */
struct sfv_node {
	enum sfv_type type;
	const char *key; /* of a dictionary's member or a parameter, or NULL */
	size_t key_len;
	const char *p; /* string, token, bytes: as it stands in the field */
	size_t len;
	int64_t number;
	size_t first_item, first_param, next; /* 0: none */
};

struct sfv {
	struct sfv_node v[SFV_NODES_MAX]; /* the first one is the field */
	size_t n;
};

/* Parse a whole field value: 0, or -1 when it is no such thing or has more
 * nodes than fit. */
int sfv_item(const char *text, size_t len, struct sfv *out);
int sfv_list(const char *text, size_t len, struct sfv *out);
int sfv_dictionary(const char *text, size_t len, struct sfv *out);

/* What is in the field, or in an inner list: the first, then one by one; NULL
 * after the last. */
const struct sfv_node *sfv_first(const struct sfv *field);
const struct sfv_node *
sfv_inner(const struct sfv *field, const struct sfv_node *list);
const struct sfv_node *
sfv_next(const struct sfv *field, const struct sfv_node *node);
const struct sfv_node *
sfv_params(const struct sfv *field, const struct sfv_node *node);

/* A dictionary's member, a node's parameter; NULL when there is none. */
const struct sfv_node *
sfv_member(const struct sfv *field, const char *key, size_t len);
const struct sfv_node *sfv_param(
    const struct sfv *field, const struct sfv_node *node, const char *key);

/* Append a string without its escapes, a token as it is.  0, or -1: no such
 * node, or no memory (failed set). */
int sfv_text(const struct sfv_node *node, struct buf *out);
/* Append the bytes of a byte sequence, strictly: with padding.  0 or -1. */
int sfv_bytes(const struct sfv_node *node, struct buf *out);

/* Append an item or an inner list with its parameters as RFC 9651, 4.1, writes
 * them.  0, or -1 without memory. */
int sfv_write(
    const struct sfv *field, const struct sfv_node *node, struct buf *out);

#endif
