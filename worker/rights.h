/*
 * rights - what root gives up
 */

#ifndef WORKER_RIGHTS_H
#define WORKER_RIGHTS_H

/* The worker becomes that user, with its groups, for good; that there is no way
 * back is tried.  Needs root.  0, or -1, logged. */
int rights_drop(const char *user);

/* gaff-run stays root, for files that are root's, but may no more than change
 * its user and groups and end processes of others.  What it starts gets back
 * what its user can have (sudo).  0, or -1, logged. */
int rights_keep_few(void);

#endif
