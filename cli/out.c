#include "out.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/buf.h"
#include "../shared/clock.h"
#include "../shared/codec.h"
#include "../shared/units.h"

struct out_table {
	const char *headers[OUT_COLUMNS_MAX];
	bool right[OUT_COLUMNS_MAX];
	size_t columns;
	char **cells;
	size_t n;
	size_t cap;
	bool failed;
};

/* Characters, not bytes: good for the letters that gaff itself prints. */
static int
width(const char *text)
{
	int n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

struct out_table *
out_table_new(const char *const *headers, size_t n)
{
	struct out_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->columns = n;
	for (size_t i = 0; i < n; i++) {
		table->right[i] = headers[i][0] == '>';
		table->headers[i] = headers[i] + table->right[i];
	}
	return table;
}

/* A copy without control characters; bytes above 127 stay. */
static char *
clean(const char *text)
{
	char *copy = strdup(text);

	for (char *p = copy; p != NULL && *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	return copy;
}

void
out_cell(struct out_table *table, const char *text)
{
	char **grown;

	if (table == NULL || table->failed)
		return;
	if (table->n == table->cap) {
		size_t cap = table->cap != 0 ? 2 * table->cap : 64;

		grown = realloc(table->cells, cap * sizeof(*grown));
		if (grown == NULL) {
			table->failed = true;
			return;
		}
		table->cells = grown;
		table->cap = cap;
	}
	table->cells[table->n] = clean(text);
	if (table->cells[table->n] == NULL)
		table->failed = true;
	else
		table->n++;
}

void
out_cellf(struct out_table *table, const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (!text.failed)
		out_cell(table, buf_str(&text));
	else if (table != NULL)
		table->failed = true;
	buf_clear(&text);
}

static void
print_row(const struct out_table *table, char *const *cells, const int *widths)
{
	size_t columns = table->columns;

	/* nothing is printed behind the last cell that says something */
	while (columns > 1 && cells[columns - 1][0] == '\0')
		columns--;
	for (size_t i = 0; i < columns; i++) {
		int pad = widths[i] - width(cells[i]);

		if (table->right[i])
			printf("%*s%s", pad, "", cells[i]);
		else if (i + 1 < columns)
			printf("%s%*s", cells[i], pad, "");
		else
			fputs(cells[i], stdout);
		fputs(i + 1 < columns ? "  " : "\n", stdout);
	}
}

static void
print_table(const struct out_table *table)
{
	char headers[OUT_COLUMNS_MAX][OUT_TEXT_SIZE];
	char *row[OUT_COLUMNS_MAX];
	int widths[OUT_COLUMNS_MAX] = {0};
	size_t columns = table->columns;

	if (columns == 0)
		return;
	for (size_t i = 0; i < columns; i++) {
		snprintf(headers[i], OUT_TEXT_SIZE, "%s", table->headers[i]);
		row[i] = headers[i];
		widths[i] = width(headers[i]);
	}
	for (size_t i = 0; i < table->n; i++)
		if (width(table->cells[i]) > widths[i % columns])
			widths[i % columns] = width(table->cells[i]);
	if (table->headers[0][0] != '\0')
		print_row(table, row, widths);
	for (size_t i = 0; i + columns <= table->n; i += columns)
		print_row(table, table->cells + i, widths);
}

void
out_table_free(struct out_table *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; i < table->n; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}

int
out_table_print(struct out_table *table)
{
	int result = -1;

	if (table == NULL || table->failed)
		fputs("gaff: no memory for the table\n", stderr);
	if (table == NULL)
		return -1;
	if (!table->failed) {
		print_table(table);
		result = 0;
	}
	out_table_free(table);
	return result;
}

void
out_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
}

void
out_text(const char *text)
{
	for (; *text != '\0'; text++)
		putchar(
		    (unsigned char)*text < ' ' || *text == 127 ? '?' : *text);
}

void
out_lines(const char *text, const char *indent)
{
	bool fresh = true;

	for (; *text != '\0'; text++) {
		if (fresh)
			fputs(indent, stdout);
		fresh = *text == '\n';
		if (*text == '\n' || *text == '\t')
			putchar(*text);
		else
			putchar((unsigned char)*text < ' ' || *text == 127
				    ? '?'
				    : *text);
	}
	if (!fresh)
		putchar('\n');
}

const char *
out_short_id(const char *id)
{
	size_t len = strlen(id);

	return len > OUT_SHORT_ID ? id + len - OUT_SHORT_ID : id;
}

const char *
out_member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

int64_t
out_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

bool
out_flag(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

const char *
out_time(const char *rfc3339, char out[OUT_TEXT_SIZE])
{
	enum { TO_SECONDS = 19 };

	snprintf(out, OUT_TEXT_SIZE, "%.*s", TO_SECONDS, rfc3339);
	if (strlen(out) == TO_SECONDS)
		out[10] = ' ';
	return out;
}

const char *
out_since(const char *rfc3339, char out[OUT_TEXT_SIZE])
{
	int64_t then_ms;

	if (clock_parse(rfc3339, &then_ms) != 0)
		return "–";
	return out_ago(then_ms, out);
}

const char *
out_ago(int64_t wall_ms, char out[OUT_TEXT_SIZE])
{
	return out_age(clock_wall_ms() - wall_ms, out);
}

const char *
out_age(int64_t ms, char out[OUT_TEXT_SIZE])
{
	/* whole seconds are what people want to read */
	snprintf(out, OUT_TEXT_SIZE, "0s");
	if (ms < 1000)
		return out;
	return units_format_ms(ms / 1000 * 1000, out, OUT_TEXT_SIZE);
}

void
out_line(const json_t *object, const char *name)
{
	if (out_member(object, name)[0] == '\0')
		return;
	printf("%-13s", name);
	out_text(out_member(object, name));
	putchar('\n');
}

void
out_headers(const json_t *event)
{
	json_t *headers = json_object_get(event, "headers");
	const char *name;
	const json_t *value;

	json_object_foreach(headers, name, value)
	{
		printf("%-13s%s: ", "header", name);
		out_text(json_is_string(value) ? json_string_value(value) : "");
		putchar('\n');
	}
}

int
out_bytes(const json_t *object, const char *name)
{
	const char *base64 = out_member(object, name);
	struct buf bytes = {0};
	int result = codec_decode(CODEC_BASE64, base64, strlen(base64), &bytes);

	if (result == 0)
		fwrite(buf_str(&bytes), 1, bytes.len, stdout);
	else
		fputs("gaff: the body could not be read\n", stderr);
	buf_clear(&bytes);
	return result;
}

bool
out_can_ask(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool
out_ask(const char *question)
{
	char line[16] = "";

	if (!out_can_ask())
		return false;
	fflush(stdout);
	fprintf(stderr, "%s [y/N] ", question);
	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	return strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0;
}
