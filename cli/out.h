/*
 * out - what verbs print: aligned tables, JSON, text of others
 *
 * Data goes to standard output.  Text that came from a provider is printed
 * with control characters replaced, so that it cannot move a terminal.
 */

#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum {
	OUT_COLUMNS_MAX = 10,
	OUT_TEXT_SIZE = 40,
	OUT_SHORT_ID = 8, /* last characters of an id: the random ones */
};

/*
 * A table: cells are copied; printed by out_table_print() with each column as
 * wide as its widest cell, the last one free.  A column whose header begins
 * with '>' is aligned right (the '>' is not printed).  Without memory cells
 * are lost and out_table_print() says so.
 */
struct out_table;
struct out_table *out_table_new(const char *const *headers, size_t n);
void out_cell(struct out_table *table, const char *text);
void out_cellf(struct out_table *table, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints and frees it.  0, or -1 when it is not complete. */
int out_table_print(struct out_table *table);
/* Frees it unprinted; NULL is fine. */
void out_table_free(struct out_table *table);

/* Print as JSON with a newline behind it. */
void out_json(const json_t *value);

/* Print foreign text, cleaned; *lines* may have newlines and tabs. */
void out_text(const char *text);
void out_lines(const char *text, const char *indent);

/* "NAME         text", nothing for a member that is not there; the headers of
 * an event, a line each. */
void out_line(const json_t *object, const char *name);
void out_headers(const json_t *event);

/* Print the bytes a member of a REPLY holds as base64.  0, or -1 after a
 * sentence. */
int out_bytes(const json_t *object, const char *name);

/* The last 8 characters of an event's id. */
const char *out_short_id(const char *id);

/* A member's text, "" when there is none. */
const char *out_member(const json_t *object, const char *name);
int64_t out_number(const json_t *object, const char *name);
bool out_flag(const json_t *object, const char *name);

/* "2026-11-22 03:20:11" for an RFC 3339 text; "38m" for the time since. */
const char *out_time(const char *rfc3339, char out[OUT_TEXT_SIZE]);
const char *out_since(const char *rfc3339, char out[OUT_TEXT_SIZE]);

/* The same for milliseconds that went by, and for those since a wall time. */
const char *out_age(int64_t ms, char out[OUT_TEXT_SIZE]);
const char *out_ago(int64_t wall_ms, char out[OUT_TEXT_SIZE]);

/* Ask on the terminal; true for y or yes.  False without a terminal. */
bool out_ask(const char *question);
/* Whether somebody is there to be asked. */
bool out_can_ask(void);

#endif
