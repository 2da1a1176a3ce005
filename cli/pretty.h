/*
 * pretty - a request as people read it
 */

#ifndef CLI_PRETTY_H
#define CLI_PRETTY_H

#include <stddef.h>

enum { PRETTY_INDENT = 2, PRETTY_MAX = 1 << 20 };

/* Print "  name: value", the value cleaned. */
void pretty_header(const char *name, const char *value);

/*
 * Print a body behind an empty line: JSON member by member, other text as it
 * stands, cleaned; of what is no text, or longer than PRETTY_MAX, how much it
 * is.  Nothing for an empty one.
 */
void pretty_body(const char *body, size_t len);

#endif
