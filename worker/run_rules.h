/*
 * run_rules - what gaff-run starts: programs of routes that have `user`
 *
 * Program, arguments, environment, directory, user, groups and time limit come
 * from the configuration, which gaff-run reads itself and only while nobody but
 * root can change it (trust.h).  A request (run_request.h) chooses the route
 * and fills GAFF_*; its body must be a memory file that is sealed, so that it
 * can be read and nothing else.  Whatever else comes is refused and logged.
 */

#ifndef WORKER_RUN_RULES_H
#define WORKER_RUN_RULES_H

#include "spawner.h"

/* The rules of the configuration at `path` (absolute, outlives them).  NULL,
 * logged, without memory. */
const struct spawner_rules *run_rules_new(const char *path);

#endif
