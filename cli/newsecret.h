/*
 * newsecret - a new random secret, in the form a scheme wants
 */

#ifndef CLI_NEWSECRET_H
#define CLI_NEWSECRET_H

#include <stdbool.h>

#include "../shared/buf.h"
#include "../shared/scheme.h"

/* Whether a secret of ours is of use to the scheme: not where the provider
 * signs with a private key, nor where nothing is verified. */
bool newsecret_fits(const struct scheme *scheme);

/* Append the text of 32 random bytes: hexadecimal, or what the scheme (NULL: of
 * none) wants.  0, or -1 without randomness or memory; the caller cleanses. */
int newsecret_make(const struct scheme *scheme, struct buf *out);

#endif
