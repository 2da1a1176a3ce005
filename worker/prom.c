#include "prom.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

void
prom_family(const struct prom *prom, const char *type, const char *help)
{
	buf_printf(prom->out, "# HELP %s %s\n# TYPE %s %s\n", prom->name, help,
	    prom->name, type);
}

static void
put_value(struct buf *out, const char *value)
{
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			buf_add_char(out, '\\');
		buf_add_char(
		    out, isprint((unsigned char)*value) ? *value : '?');
	}
}

/* Up to the blank before the value. */
static void
put_name(const struct prom *prom, const char *suffix,
    const struct prom_label *labels)
{
	char separator = '{';

	buf_add_str(prom->out, prom->name);
	buf_add_str(prom->out, suffix);
	for (; labels->name != NULL; labels++) {
		buf_add_char(prom->out, separator);
		buf_add_str(prom->out, labels->name);
		buf_add_str(prom->out, "=\"");
		put_value(prom->out, labels->value);
		buf_add_char(prom->out, '"');
		separator = ',';
	}
	buf_add_str(prom->out, separator == ',' ? "} " : " ");
}

void
prom_number(
    const struct prom *prom, const struct prom_label *labels, int64_t number)
{
	put_name(prom, "", labels);
	buf_printf(prom->out, "%" PRId64 "\n", number);
}

void
prom_time(
    const struct prom *prom, const struct prom_label *labels, int64_t wall_ms)
{
	put_name(prom, "", labels);
	buf_printf(prom->out, "%" PRId64 ".%03d\n", wall_ms / 1000,
	    (int)(wall_ms % 1000));
}

void
prom_histogram(const struct prom *prom, const struct prom_label *labels,
    const struct prom_histogram *histogram)
{
	struct prom_label all[3] = {labels[0]};
	struct prom_label *le = &all[labels[0].name != NULL];
	uint64_t total = 0;
	char bound[32] = "";
	size_t i;

	le->name = "le";
	for (i = 0; i < histogram->n_bounds; i++) {
		total += histogram->n[i];
		(void)snprintf(bound, sizeof(bound), "%.10g",
		    histogram->bounds[i] * histogram->scale);
		le->value = bound;
		put_name(prom, "_bucket", all);
		buf_printf(prom->out, "%" PRIu64 "\n", total);
	}
	total += histogram->n[i];
	le->value = "+Inf";
	put_name(prom, "_bucket", all);
	buf_printf(prom->out, "%" PRIu64 "\n", total);
	put_name(prom, "_sum", labels);
	buf_printf(prom->out, "%.10g\n", histogram->sum * histogram->scale);
	put_name(prom, "_count", labels);
	buf_printf(prom->out, "%" PRIu64 "\n", total);
}
