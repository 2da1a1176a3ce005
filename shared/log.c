#include "log.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "buf.h"

const char log_is_number[] = "number";
const char log_is_tenths[] = "tenths";

enum {
	WINDOW_MS = 60000,
	LINE_FIRST = 500, /* bytes; longer lines grow */
};

static const struct {
	const char *name;
	int priority;
} levels[LOG_LEVEL__MAX] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_WARN] = {"warn", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
};

static struct {
	bool syslog;
	bool journal;
	bool socket; /* standard error is one */
	enum log_format format;
} settings;

/* Whether a logfmt value can stand without quotes. */
static bool
is_plain(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] >= 0x7f || s[i] == '"' || s[i] == '=' ||
		    s[i] == '\\')
			return false;
	return len > 0;
}

static void
add_text(struct buf *line, const char *text, bool quoted)
{
	size_t len = strnlen(text, LOG_VALUE_MAX + 1);
	bool cut = len > LOG_VALUE_MAX;

	if (cut)
		len = LOG_VALUE_MAX;
	if (!quoted && !cut && is_plain(text, len)) {
		(void)buf_add(line, text, len);
		return;
	}
	(void)buf_add_char(line, '"');
	(void)buf_add_json(line, text, len);
	(void)buf_add_str(line, cut ? "…\"" : "\"");
}

static void
add_field(struct buf *line, const struct log_field *field, bool json)
{
	if (field->text == NULL || field->text[0] == '\0')
		return;
	(void)buf_add_str(line, json ? ",\"" : " ");
	(void)buf_add_str(line, field->name);
	(void)buf_add_str(line, json ? "\":" : "=");
	if (field->text == log_is_number) {
		(void)buf_add_int(line, field->number);
	} else if (field->text == log_is_tenths) {
		(void)buf_add_int(line, field->number / 10);
		(void)buf_add_char(line, '.');
		(void)buf_add_int(line, field->number % 10);
	} else {
		add_text(line, field->text, json);
	}
}

static void
compose(struct buf *line, enum log_level level, const char *msg,
    const struct log_field *fields)
{
	bool json = settings.format == LOG_FORMAT_JSON;

	(void)buf_reserve(line, LINE_FIRST);
	if (settings.journal)
		(void)buf_printf(line, "<%d>", levels[level].priority);
	(void)buf_add_str(line, json ? "{\"level\":\"" : "level=");
	(void)buf_add_str(line, levels[level].name);
	(void)buf_add_str(line, json ? "\",\"msg\":" : " msg=");
	add_text(line, msg, json);
	for (; fields->name != NULL; fields++)
		add_field(line, fields, json);
	(void)buf_add_str(line, json ? "}\n" : "\n");
}

static struct {
	pthread_mutex_t lock;
	unsigned lines; /* lost so far */
} lost = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* One write: lines of threads and processes stay whole.  False when there is
 * no room now. */
static bool
write_now(const char *p, size_t len)
{
	struct pollfd out = {STDERR_FILENO, POLLOUT, 0};

	if (settings.socket)
		return send(STDERR_FILENO, p, len,
			   MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
	if (poll(&out, 1, 0) <= 0 || (out.revents & POLLOUT) == 0)
		return false;
	return write(STDERR_FILENO, p, len) >= 0;
}

/* Whether the count of what was lost is told, or there is none. */
static bool
tell_lost(void)
{
	struct buf line = {0};
	bool done = lost.lines == 0;

	if (!done) {
		compose(&line, LOG_LEVEL_WARN, "log_lost",
		    (const struct log_field[]){
			log_int("lines", lost.lines), LOG_NONE});
		done = !line.failed && write_now(line.p, line.len);
		buf_clear(&line);
	}
	if (done)
		lost.lines = 0;
	return done;
}

/* A reader that has stalled holds up nobody's requests: what it has no room
 * for is lost and counted, and the count goes before the next line. */
static void
to_stderr(const char *p, size_t len, unsigned lines)
{
	(void)pthread_mutex_lock(&lost.lock);
	if (!tell_lost() || !write_now(p, len))
		lost.lines += lines;
	(void)pthread_mutex_unlock(&lost.lock);
}

/* ---- holding lines back ---- */

static _Thread_local struct log_held *held;

void
log_release(void)
{
	if (held != NULL && held->len > 0) {
		to_stderr(held->text, held->len, held->lines);
		held->len = 0;
		held->lines = 0;
	}
}

void
log_hold(struct log_held *with)
{
	log_release();
	held = with;
}

/* Write a line, or keep it for later. */
static void
put(enum log_level level, const struct buf *line)
{
	bool holds = held != NULL && level == LOG_LEVEL_INFO;

	if (!holds || line->len > sizeof held->text - held->len)
		log_release();
	if (!holds || line->len > sizeof held->text) {
		to_stderr(line->p, line->len, 1);
		return;
	}
	memcpy(held->text + held->len, line->p, line->len);
	held->len += line->len;
	held->lines++;
}

void
log_write(enum log_level level, const char *msg, const struct log_field *fields)
{
	static const char no_memory[] = "level=error msg=no_memory\n";
	struct buf line = {0};
	int kept_errno = errno;

	compose(&line, level, msg, fields);
	if (line.failed) {
		/* what can be said without any */
		if (!settings.syslog)
			(void)write_now(no_memory, strlen(no_memory));
	} else if (settings.syslog) {
		syslog(
		    levels[level].priority, "%.*s", (int)line.len - 1, line.p);
	} else {
		put(level, &line);
	}
	buf_clear(&line);
	errno = kept_errno;
}

/* Whether standard error is the journal's: JOURNAL_STREAM is DEVICE:INODE. */
static bool
stderr_is_journal(void)
{
	const char *named = getenv("JOURNAL_STREAM");
	struct stat st;
	char mine[48];

	if (named == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	(void)snprintf(mine, sizeof mine, "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(named, mine) == 0;
}

static bool
stderr_is_socket(void)
{
	struct stat st;

	return fstat(STDERR_FILENO, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Whether lines on standard error reach somebody and survive a rotation. */
static bool
stderr_is_good(void)
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st) != 0 || S_ISREG(st.st_mode))
		return false;
	/* /dev/null is character device 1:3 on Linux. */
	return !(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

void
log_open(enum log_to to, enum log_format format, const char *ident)
{
	settings.format = format;
	settings.syslog =
	    to == LOG_TO_SYSLOG || (to == LOG_TO_AUTO && !stderr_is_good());
	settings.journal = !settings.syslog && stderr_is_journal();
	settings.socket = stderr_is_socket();
	if (settings.syslog)
		openlog(ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

static pthread_mutex_t limits = PTHREAD_MUTEX_INITIALIZER;

int
log_allow(struct log_limit *limit, unsigned lines, int64_t now_ms,
    unsigned *suppressed)
{
	bool allowed;

	*suppressed = 0;
	(void)pthread_mutex_lock(&limits);
	if (limit->since_ms == 0 || now_ms - limit->since_ms >= WINDOW_MS) {
		*suppressed = limit->suppressed;
		*limit = (struct log_limit){.since_ms = now_ms};
	}
	allowed = limit->count < lines;
	if (allowed)
		limit->count++;
	else
		limit->suppressed++;
	(void)pthread_mutex_unlock(&limits);
	return allowed;
}

unsigned
log_left_out(struct log_limit *limit, int64_t now_ms)
{
	unsigned suppressed = 0;

	(void)pthread_mutex_lock(&limits);
	if (now_ms - limit->since_ms >= WINDOW_MS) {
		suppressed = limit->suppressed;
		limit->suppressed = 0;
	}
	(void)pthread_mutex_unlock(&limits);
	return suppressed;
}
