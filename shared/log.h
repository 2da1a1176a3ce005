/*
 * log - one line per occurrence, logfmt or JSON, with the same names
 *
 *	level=info msg=accepted id=0193… source=stripe bytes=2118
 *
 * `msg` is a word, or several joined by "_": what happened, and always the same
 * for the same.  `reason` is of a closed list, `error` somebody else's text.
 * Foreign text is escaped and cut at LOG_VALUE_MAX bytes; never log payloads
 * or secrets.  Safe from any thread.  Log once, where a fault is detected.
 * errno stays as it is.  Nobody waits for whoever reads standard error: a line
 * there is no room for is lost, and the next one that gets through follows a
 * log_lost lines=N.
 *
 * A thread that does much in one go may hold its lines back until it waits
 * again: they then go out in one write.  Only a process that is killed within
 * such a turn loses those of it.
 */

#ifndef SHARED_LOG_H
#define SHARED_LOG_H

#include <stddef.h>
#include <stdint.h>

enum {
	LOG_VALUE_MAX = 256,
	LOG_LINES = 10,      /* a minute, of what somebody outside can cause */
	LOG_HELD_MAX = 4096, /* bytes; what a pipe takes whole (PIPE_BUF) */
};

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL__MAX
};

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum log_to { LOG_TO_AUTO, LOG_TO_STDERR, LOG_TO_SYSLOG };

/* One name and value.  A field whose name is NULL ends the list; a string
 * field whose value is NULL or "" is left out. */
struct log_field {
	const char *name;
	const char *text;
	int64_t number;
};

#define log_str(name, value) ((struct log_field){(name), (value), 0})
#define log_int(name, value)                                                   \
	((struct log_field){(name), log_is_number, (int64_t)(value)})
/* Tenths, as 3.1. */
#define log_tenths(name, value)                                                \
	((struct log_field){(name), log_is_tenths, (int64_t)(value)})
/* A number that is left out when it is 0. */
#define log_count(name, value)                                                 \
	((struct log_field){                                                   \
	    (name), (value) != 0 ? log_is_number : "", (int64_t)(value)})
/* What log_allow() left out: two fields, suppressed=118 since=60s. */
#define log_suppressed(n)                                                      \
	log_count("suppressed", (n)), log_str("since", (n) != 0 ? "60s" : "")
#define LOG_NONE ((struct log_field){0})

/* Mark a field as a number; compared by address. */
extern const char log_is_number[];
extern const char log_is_tenths[];

/* log_info("accepted", log_str("source", s), log_int("bytes", n));
 * a line without fields takes LOG_NONE. */
#define log_error(msg, ...) log_at(LOG_LEVEL_ERROR, (msg), __VA_ARGS__)
#define log_warn(msg, ...)  log_at(LOG_LEVEL_WARN, (msg), __VA_ARGS__)
#define log_info(msg, ...)  log_at(LOG_LEVEL_INFO, (msg), __VA_ARGS__)
#define log_at(level, msg, ...)                                                \
	log_write((level), (msg), (const struct log_field[]){__VA_ARGS__, {0}})

void log_write(
    enum log_level level, const char *msg, const struct log_field *fields);

/*
 * Choose destination and format; until then text goes to standard error.
 * LOG_TO_AUTO is standard error when that is a terminal, a pipe, a socket or
 * the journal, and syslog (facility daemon, `ident`) when it is closed,
 * /dev/null or a regular file.  The journal (sd-daemon(3): JOURNAL_STREAM names
 * it) gets each line with its priority, as <4>.  `ident` must outlive the
 * process's logging.
 */
void log_open(enum log_to to, enum log_format format, const char *ident);

/*
 * Hold the calling thread's lines back: those of level info, while they are for
 * standard error and fit.  log_release() writes them, as does every line that
 * is not held, before itself.  `held` is the caller's, zeroed, and stays in use
 * until log_hold(NULL), which writes what is left.
 */
struct log_held {
	size_t len;
	unsigned lines;
	char text[LOG_HELD_MAX];
};

void log_hold(struct log_held *held);
void log_release(void);

/*
 * A budget of lines per cause.  Counts the call; returns 1 when the line may
 * be written, with *suppressed the number left out since the last one that
 * was, else 0.  At most `lines` in 60 s of now_ms (boot clock).  The caller
 * owns the zeroed struct.  Safe from any thread.
 */
struct log_limit {
	int64_t since_ms;
	unsigned count;
	unsigned suppressed;
};

int log_allow(struct log_limit *limit, unsigned lines, int64_t now_ms,
    unsigned *suppressed);

/* How many lines were left out, once their 60 s are over; then it is told, and
 * 0 until there are others. */
unsigned log_left_out(struct log_limit *limit, int64_t now_ms);

#endif
