/*
 * dev_line - a line of a log, in words for who watches (pure)
 */

#ifndef CLI_DEV_LINE_H
#define CLI_DEV_LINE_H

#include <jansson.h>

#include "../shared/buf.h"

/*
 * Append the line for one record of a gateway's or worker's JSON log, without a
 * newline; nothing for one that is of no interest.  Text of others is not
 * cleaned.  0, or -1 without memory.
 */
int dev_line(const json_t *record, struct buf *out);

#endif
