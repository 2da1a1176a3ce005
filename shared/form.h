/*
 * form - application/x-www-form-urlencoded bodies and query strings
 *
 * Pairs are separated by `&`, name and value by the first `=`; `+` is a blank
 * and %XX a byte.  A pair whose name or value has a broken escape is no pair
 * of any name.  Pure.
 */

#ifndef SHARED_FORM_H
#define SHARED_FORM_H

#include <stddef.h>

#include "buf.h"

enum { FORM_PAIRS_MAX = 1000 }; /* that form_sorted() takes */

enum form_result {
	FORM_MISSING,
	FORM_FOUND,
	FORM_TWICE, /* a name that is not unique means nothing */
	FORM_ERROR, /* no memory */
};

/* Append the decoded value of the one pair of that (decoded) name. */
enum form_result
form_get(const char *text, size_t len, const char *name, struct buf *value);

/*
 * Call `fn` with each pair, decoded, in the order they stand, until it returns
 * another value than 0.  0, or -1: that, a broken escape, more than
 * FORM_PAIRS_MAX pairs, no memory.
 */
struct form_text {
	const char *p;
	size_t len;
};

typedef int form_pair_fn(
    void *arg, const struct form_text *name, const struct form_text *value);
int form_each(const char *text, size_t len, form_pair_fn *fn, void *arg);

/*
 * Append name and value of all pairs, decoded, without anything between, in
 * the order of the names, equal names in the order of their values, equal
 * pairs once (Twilio, Mandrill).  0, or -1: a broken escape, more than
 * FORM_PAIRS_MAX pairs, or (failed set) no memory.
 */
int form_sorted(const char *text, size_t len, struct buf *out);

/*
 * Append name and value of all pairs, decoded, `equals` within and `between`
 * them, in the order of form_sorted(), equal pairs as often as they are there
 * (Plivo).  As form_sorted().
 */
int form_spread(const char *text, size_t len, const char *equals,
    const char *between, struct buf *out);

/*
 * Append the pairs as they stand, joined by `&`, in the order of their names
 * (as they stand too), equal names in the order they had.  0, or -1: more than
 * FORM_PAIRS_MAX pairs, or (failed set) no memory.
 */
int form_ordered(const char *text, size_t len, struct buf *out);

/*
 * Append the pairs decoded and escaped again (RFC 3986, all but unreserved
 * characters), in the order of their names, the values of one name sorted and
 * joined by a comma; pairs named `skip` are left out (Atlassian).  As
 * form_sorted().
 */
int
form_canonical(const char *text, size_t len, const char *skip, struct buf *out);

/*
 * Append the pairs as PHP's serialize() writes the sorted $_POST without
 * `skip` (Paddle Classic).  Names are what PHP leaves as they are: letters,
 * digits and _, no digit first, none twice; others, as form_sorted(), are a -1.
 */
int form_php(const char *text, size_t len, const char *skip, struct buf *out);

#endif
