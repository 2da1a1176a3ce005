/*
 * file - read a whole file, or standard input, for the command line
 */

#ifndef CLI_FILE_H
#define CLI_FILE_H

#include "../shared/buf.h"

/* Append the bytes of `path` ("-": standard input).  0, or -1 after a sentence
 * on standard error. */
int file_read(const char *path, struct buf *out);

#endif
