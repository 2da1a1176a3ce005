/*
 * run_body - whether a descriptor can be a handler's standard input
 */

#ifndef WORKER_RUN_BODY_H
#define WORKER_RUN_BODY_H

#include <stdbool.h>

/* Memory that can be read and that nobody can change any more (memfd_create(2)
 * with all its seals): no file, directory, device or socket of anybody's. */
bool run_body_good(int fd);

#endif
