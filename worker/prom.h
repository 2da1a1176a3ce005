/*
 * prom - samples in Prometheus' text format, 0.0.4
 *
 * Pure but for the text's memory; a failure shows in the buf.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */

#ifndef WORKER_PROM_H
#define WORKER_PROM_H

#include <stddef.h>
#include <stdint.h>

#include "../shared/buf.h"

/* Where the samples of a family go. */
struct prom {
	const char *name; /* of the family */
	struct buf *out;
};

struct prom_label {
	const char *name;
	const char *value; /* whatever is not printable ASCII becomes `?` */
};

/* Up to two labels, ended by one without a name. */
#define PROM_LABELS(...)                                                       \
	((const struct prom_label[]){__VA_ARGS__, {NULL, NULL}})
#define PROM_NONE ((const struct prom_label[]){{NULL, NULL}})

/* The lines before a family's samples; `type` is counter, gauge or
 * histogram. */
void prom_family(const struct prom *prom, const char *type, const char *help);

void prom_number(
    const struct prom *prom, const struct prom_label *labels, int64_t number);
/* Wall time as seconds since 1970. */
void prom_time(
    const struct prom *prom, const struct prom_label *labels, int64_t wall_ms);

/* n[i] counts the values up to bounds[i] and over the one before, n[n_bounds]
 * those above all; told in base units: values times `scale`. */
struct prom_histogram {
	const double *bounds;
	size_t n_bounds;
	double scale;
	const uint64_t *n;
	double sum;
};

/* At most one label. */
void prom_histogram(const struct prom *prom, const struct prom_label *labels,
    const struct prom_histogram *histogram);

#endif
