/*
 * check_as - whether a user may run the gateway or the worker
 */

#ifndef CLI_CHECK_AS_H
#define CLI_CHECK_AS_H

/*
 * Become that user for good (needs root, or to be that user), read the
 * configuration as a gateway and as a worker would, and print for each what is
 * in the way.  The exit status: 0 when nothing is in the way of one of them.
 */
int check_as(const char *user, const char *path);

#endif
