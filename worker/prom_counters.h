/* prom_counters - what gateways count of a source (counters.h), as samples */

#ifndef WORKER_PROM_COUNTERS_H
#define WORKER_PROM_COUNTERS_H

#include <jansson.h>

#include "prom.h"

/* {KEY: number} of a member, KEY as the value of `label`. */
void prom_counters_map(const struct prom *prom, const char *source, json_t *map,
    const char *label);

/* {sum, n: […]} of microseconds, as seconds; and of bytes. */
void prom_counters_durations(
    const struct prom *prom, const char *source, const json_t *counted);
void prom_counters_sizes(
    const struct prom *prom, const char *source, const json_t *counted);

#endif
