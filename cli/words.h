/*
 * words - quote words the way `run` of gaff.conf and a shell read them
 */

#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include "../shared/buf.h"

/* Append `word`, in '…' unless it is plain.  0, or -1 without memory. */
int words_quote(struct buf *out, const char *word);

#endif
