/* disk - what is written stays: syncing by path */

#ifndef WORKER_DISK_H
#define WORKER_DISK_H

/* fsync() what is there, opened with these flags besides.  0, or -1 with
 * errno. */
int disk_sync(const char *path, int flags);
/* The directory that holds it, so that its name is there, too. */
int disk_sync_directory(const char *path);

#endif
