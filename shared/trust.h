/*
 * trust - whether nobody but root can change what stands at a path
 *
 * What root acts upon must be root's: the file, every directory on the way to
 * it, and every symbolic link there belong to root, and neither group nor
 * others may write to them.  A sticky directory (/tmp) may be on the way: in
 * it nobody replaces what is root's.  What has passed stays as it was looked
 * at, so that opening it afterwards is no race.
 */

#ifndef SHARED_TRUST_H
#define SHARED_TRUST_H

enum { TRUST_ERROR_SIZE = 256 };

/* 0, or -1 with a sentence in `error`.  The path is absolute. */
int trust_path(const char *path, char error[TRUST_ERROR_SIZE]);

#endif
