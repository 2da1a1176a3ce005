#include "log.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "buf.h"

const char log_is_number[] = "number";

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
	enum log_format format;
} settings;

/* Whether a logfmt value can stand without quotes. */
static bool
is_plain(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] >= 0x7f || strchr("\"=\\", s[i]))
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
	if (field->text != log_is_number &&
	    (field->text == NULL || field->text[0] == '\0'))
		return;
	(void)buf_printf(line, json ? ",\"%s\":" : " %s=", field->name);
	if (field->text == log_is_number)
		(void)buf_printf(line, "%" PRId64, field->number);
	else
		add_text(line, field->text, json);
}

static void
compose(struct buf *line, enum log_level level, const char *msg,
    const struct log_field *fields)
{
	bool json = settings.format == LOG_FORMAT_JSON;

	(void)buf_printf(line,
	    json ? "{\"level\":\"%s\",\"msg\":" : "level=%s msg=",
	    levels[level].name);
	add_text(line, msg, json);
	for (; fields->name != NULL; fields++)
		add_field(line, fields, json);
	(void)buf_add_str(line, json ? "}\n" : "\n");
}

void
log_write(enum log_level level, const char *msg, const struct log_field *fields)
{
	struct buf line = {0};

	compose(&line, level, msg, fields);
	if (line.failed) {
		/* Without memory: what can be said without any. */
		if (!settings.syslog)
			(void)!write(
			    STDERR_FILENO, "level=error msg=no_memory\n", 26);
	} else if (settings.syslog) {
		syslog(
		    levels[level].priority, "%.*s", (int)line.len - 1, line.p);
	} else {
		/* One write a line: lines of threads and processes stay whole.
		 */
		(void)!write(STDERR_FILENO, line.p, line.len);
	}
	buf_clear(&line);
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
	if (settings.syslog)
		openlog(ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

int
log_allow(struct log_limit *limit, unsigned lines, int64_t now_ms,
    unsigned *suppressed)
{
	*suppressed = 0;
	if (limit->since_ms == 0 || now_ms - limit->since_ms >= 60000) {
		*suppressed = limit->suppressed;
		*limit = (struct log_limit){.since_ms = now_ms};
	}
	if (limit->count < lines) {
		limit->count++;
		return 1;
	}
	limit->suppressed++;
	return 0;
}
