#include "filter.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../shared/buf.h"
#include "../shared/clock.h"
#include "../shared/log.h"
#include "filter_helper.h"

enum { RESTART_MS = 1000, MIB = 1024 * 1024 };

struct queue {
	struct filter_job *first;
	struct filter_job **end;
	unsigned n;
};

struct filter {
	struct spawn *spawn;
	filter_done_fn *done;
	void *arg;
	struct queue fast;
	struct queue slow;

	/* The helper. */
	uint64_t spawn_id; /* 0: there is none */
	int fd;            /* -1: it has closed its end, or there is none */
	bool started;      /* it has said so */
	bool timed_out;    /* and is being ended for it */
	pid_t pid;
	int64_t restart_ms; /* boot clock: not before */
	struct filter_answer in;
	size_t in_len;
	struct buf out;
	size_t out_done;

	/* What it is asked. */
	struct filter_job *job; /* NULL: nothing */
	bool job_slow;
	size_t next; /* case; its answer comes next, when parsed */
	bool parsed;
	bool retried;
	uint64_t step;       /* answers worked on so far */
	uint64_t late_step;  /* the one that took too long, if timed_out */
	int64_t step_ms;     /* boot clock: when this answer's work began */
	int64_t step_cpu_ms; /* the helper's CPU time then */
	int64_t look_ms;     /* boot clock: when to look at the time used */

	struct {
		uint64_t hash;
		int64_t until_ms;
	} slow_texts[FILTER_SLOW_MAX];
};

/* ---- slow filters ---- */

/* FNV-1a */
static uint64_t
hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return h;
}

bool
filter_is_slow(const struct filter *filter, const char *text)
{
	int64_t now = clock_boot_ms();
	uint64_t h = hash(text);

	for (size_t i = 0; i < FILTER_SLOW_MAX; i++)
		if (filter->slow_texts[i].hash == h &&
		    filter->slow_texts[i].until_ms > now)
			return true;
	return false;
}

/* In its own place, or that of the one remembered longest. */
static void
remember_slow(struct filter *filter, const char *text)
{
	uint64_t h = hash(text);
	size_t place = 0;

	for (size_t i = 0; i < FILTER_SLOW_MAX; i++) {
		if (filter->slow_texts[i].hash == h) {
			place = i;
			break;
		}
		if (filter->slow_texts[i].until_ms <
		    filter->slow_texts[place].until_ms)
			place = i;
	}
	filter->slow_texts[place].hash = h;
	filter->slow_texts[place].until_ms = clock_boot_ms() + FILTER_SLOW_MS;
}

/* ---- jobs ---- */

static void
put(struct queue *queue, struct filter_job *job)
{
	job->next = NULL;
	*queue->end = job;
	queue->end = &job->next;
	queue->n++;
}

static struct filter_job *
take(struct queue *queue)
{
	struct filter_job *job = queue->first;

	if (job == NULL)
		return NULL;
	queue->first = job->next;
	if (queue->first == NULL)
		queue->end = &queue->first;
	queue->n--;
	return job;
}

/* One text of a question. */
static void
put_text(struct buf *out, const void *p, size_t len)
{
	uint32_t size = (uint32_t)len;

	buf_add(out, &size, sizeof(size));
	buf_add(out, p, len);
	buf_add_char(out, '\0');
}

static void
put_string(struct buf *out, const char *text)
{
	put_text(out, text, strlen(text));
}

/* The question about the cases that are left.  0, or -1 without memory. */
static int
put_question(struct filter *filter)
{
	const struct filter_job *job = filter->job;
	const struct event *event = job->event;
	struct filter_question head = {
	    .n_filters = (uint32_t)(job->n - filter->next)};
	struct buf *out = &filter->out;
	char id[EVENT_ID_TEXT_SIZE];

	buf_clear(out);
	filter->out_done = 0;
	event_id_format(event->id, id);
	buf_add(out, &head, sizeof(head));
	put_string(out, event->source);
	put_string(out, event->type);
	put_string(out, event->key);
	put_string(out, id);
	put_string(out, event->headers);
	put_string(out, event->query);
	put_string(out, event->content_type);
	put_text(out, event->body, event->body_len);
	for (size_t i = filter->next; i < job->n; i++)
		put_string(out, job->cases[i].text);
	if (out->failed || out->len > FILTER_QUESTION_MAX) {
		buf_clear(out);
		return -1;
	}
	head.size = (uint32_t)out->len;
	memcpy(out->p, &head, sizeof(head));
	return 0;
}

/* ---- time ---- */

/* CPU time the helper has used; 0 when that cannot be told. */
static int64_t
cpu_ms(const struct filter *filter)
{
	struct timespec ts;
	clockid_t clock;

	if (filter->pid == 0 || clock_getcpuclockid(filter->pid, &clock) != 0 ||
	    clock_gettime(clock, &ts) != 0)
		return 0;
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t
limit_ms(const struct filter *filter)
{
	int64_t mib = (int64_t)(filter->job->event->body_len / MIB);

	return FILTER_CPU_MS + mib * FILTER_CPU_MS_PER_MIB;
}

/* The helper's next answer is about something new. */
static void
begin_step(struct filter *filter)
{
	filter->step++;
	filter->step_ms = clock_boot_ms();
	filter->step_cpu_ms = cpu_ms(filter);
	filter->look_ms = filter->job != NULL
			      ? filter->step_ms + limit_ms(filter)
			      : INT64_MAX;
}

/* End the helper when its answer takes too long. */
static void
look_at_time(struct filter *filter)
{
	int64_t now = clock_boot_ms(), used, limit;

	if (filter->job == NULL || filter->spawn_id == 0 || filter->timed_out ||
	    now < filter->look_ms)
		return;
	used = cpu_ms(filter) - filter->step_cpu_ms;
	limit = limit_ms(filter);
	if (used < limit && now - filter->step_ms < FILTER_WALL_MS) {
		filter->look_ms = now + (limit - used);
		return;
	}
	filter->timed_out = true;
	filter->late_step = filter->step;
	filter->look_ms = INT64_MAX;
	spawn_kill(filter->spawn, filter->spawn_id);
}

/* ---- answers ---- */

static void
finish_job(struct filter *filter)
{
	struct filter_job *job = filter->job;

	filter->job = NULL;
	buf_clear(&filter->out);
	filter->out_done = 0;
	filter->done(filter->arg, job);
}

/* The next case is decided. */
static void
decide(struct filter *filter, enum filter_verdict verdict, const char *error)
{
	struct filter_case *c = &filter->job->cases[filter->next++];

	c->verdict = verdict;
	c->error = verdict == FILTER_ERROR ? strdup(error) : NULL;
	filter->retried = false;
}

static void
take_answer(struct filter *filter)
{
	struct filter_answer *in = &filter->in;

	filter->in_len = 0;
	in->error[FILTER_ERROR_SIZE - 1] = '\0';
	if (!filter->started) {
		filter->started = true;
		filter->pid = (pid_t)in->pid;
	} else if (filter->job != NULL && !filter->parsed) {
		filter->parsed = true;
	} else if (filter->job != NULL) {
		decide(filter, (enum filter_verdict)in->verdict, in->error);
		if (filter->next == filter->job->n)
			finish_job(filter);
	}
	begin_step(filter);
}

static void
close_fd(struct filter *filter)
{
	if (filter->fd >= 0)
		close(filter->fd);
	filter->fd = -1;
}

static void
read_answers(struct filter *filter)
{
	ssize_t n;

	while (filter->fd >= 0) {
		n = read(filter->fd, (char *)&filter->in + filter->in_len,
		    sizeof(filter->in) - filter->in_len);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			close_fd(filter);
			return;
		}
		filter->in_len += (size_t)n;
		if (filter->in_len == sizeof(filter->in))
			take_answer(filter);
	}
}

static void
write_question(struct filter *filter)
{
	ssize_t n;

	while (filter->fd >= 0 && filter->out_done < filter->out.len) {
		n = send(filter->fd, filter->out.p + filter->out_done,
		    filter->out.len - filter->out_done, MSG_NOSIGNAL);
		if (n < 0) {
			/* Its end is reported by the spawner. */
			if (errno != EAGAIN && errno != EINTR)
				close_fd(filter);
			return;
		}
		filter->out_done += (size_t)n;
	}
	if (filter->out_done == filter->out.len) {
		buf_clear(&filter->out);
		filter->out_done = 0;
	}
}

/* ---- the helper's life ---- */

/* The helper ended while it worked on this case, or on the body. */
static void
blame(struct filter *filter, const struct spawn_end *end)
{
	struct filter_job *job = filter->job;
	char error[FILTER_ERROR_SIZE];
	size_t last = filter->parsed ? filter->next + 1 : job->n;

	if (filter->timed_out && filter->step != filter->late_step)
		return; /* it got its answer out all the same */
	if (!filter->timed_out && !filter->retried) {
		/* Something else may have ended it. */
		filter->retried = true;
		return;
	}
	if (filter->timed_out && filter->parsed)
		remember_slow(filter, job->cases[filter->next].text);
	if (filter->timed_out)
		snprintf(error, sizeof(error), "%s takes too much time",
		    filter->parsed ? "it" : "parsing the body");
	else
		snprintf(error, sizeof(error),
		    "%s takes too much memory, or crashes jq (status %d)",
		    filter->parsed ? "it" : "parsing the body", end->status);
	while (filter->next < last)
		decide(filter, FILTER_ERROR, error);
}

static void
helper_ended(void *arg, const struct spawn_end *end)
{
	struct filter *filter = arg;

	/* What it had said before. */
	read_answers(filter);
	close_fd(filter);
	filter->spawn_id = 0;
	filter->restart_ms =
	    clock_boot_ms() + (filter->started ? 0 : RESTART_MS);
	if (!filter->started)
		log_error("filter_helper_failed",
		    log_int("status", end->status),
		    log_str("error", end->fault.error != 0
					 ? strerror(end->fault.error)
					 : ""));
	else if (filter->job != NULL)
		blame(filter, end);
	filter->timed_out = false;
	if (filter->job != NULL && filter->next == filter->job->n)
		finish_job(filter);
}

/* The caller looks at spawn_id. */
static void
start_helper(struct filter *filter)
{
	char name[] = "gaff-worker", option[] = FILTER_HELPER_OPTION;
	char *argv[] = {name, option, NULL}, *env[] = {NULL};
	struct spawn_start start = {.program = "/proc/self/exe",
	    .argv = argv,
	    .env = env,
	    .directory = "/",
	    .done = helper_ended,
	    .arg = filter};
	int pair[2];

	filter->restart_ms = clock_boot_ms() + RESTART_MS;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return;
	start.input = pair[1];
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0)
		filter->spawn_id = spawn_start(filter->spawn, &start);
	close(pair[1]);
	if (filter->spawn_id == 0) {
		close(pair[0]);
		return;
	}
	filter->fd = pair[0];
	filter->started = false;
	filter->timed_out = false;
	filter->pid = 0;
	filter->in_len = 0;
	/* A job that is under way begins anew, with what is left of it. */
	filter->parsed = false;
	if (filter->job != NULL && put_question(filter) != 0)
		close_fd(filter);
	begin_step(filter);
}

static bool
has_slow(const struct filter *filter, const struct filter_job *job)
{
	for (size_t i = 0; i < job->n; i++)
		if (filter_is_slow(filter, job->cases[i].text))
			return true;
	return false;
}

/* The job whose turn it is.  One that was queued before its filter was found
 * slow goes to the others of that kind. */
static struct filter_job *
next_job(struct filter *filter)
{
	struct filter_job *job;

	while ((job = take(&filter->fast)) != NULL) {
		filter->job_slow = false;
		if (!has_slow(filter, job))
			return job;
		put(&filter->slow, job);
	}
	filter->job_slow = true;
	return take(&filter->slow);
}

/* Take up the next job. */
static void
begin_job(struct filter *filter)
{
	filter->job = next_job(filter);
	filter->next = 0;
	filter->parsed = false;
	filter->retried = false;
	/* Without memory the helper is closed and the job begins anew. */
	if (filter->fd >= 0 && put_question(filter) != 0)
		close_fd(filter);
	begin_step(filter);
}

static bool
has_work(const struct filter *filter)
{
	return filter->job != NULL || filter->fast.first != NULL ||
	       filter->slow.first != NULL;
}

void
filter_pump(struct filter *filter)
{
	read_answers(filter);
	look_at_time(filter);
	for (;;) {
		if (filter->job == NULL && has_work(filter) &&
		    (filter->spawn_id == 0 ||
			(filter->fd >= 0 && !filter->timed_out)))
			begin_job(filter);
		if (filter->spawn_id == 0 && filter->job != NULL &&
		    clock_boot_ms() >= filter->restart_ms)
			start_helper(filter);
		write_question(filter);
		if (filter->out_done < filter->out.len || filter->job == NULL)
			return;
		read_answers(filter);
		if (filter->job != NULL)
			return;
	}
}

/* ---- from outside ---- */

struct filter *
filter_open(struct spawn *spawn, filter_done_fn *done, void *arg)
{
	struct filter *filter = calloc(1, sizeof(*filter));

	if (filter == NULL) {
		log_error("no_memory", log_str("for", "filter"));
		return NULL;
	}
	filter->spawn = spawn;
	filter->done = done;
	filter->arg = arg;
	filter->fd = -1;
	filter->fast.end = &filter->fast.first;
	filter->slow.end = &filter->slow.first;
	filter->look_ms = INT64_MAX;
	return filter;
}

void
filter_close(struct filter *filter, void (*drop)(struct filter_job *job))
{
	struct filter_job *job;

	if (filter == NULL)
		return;
	close_fd(filter);
	if (filter->job != NULL)
		drop(filter->job);
	while ((job = take(&filter->fast)) != NULL)
		drop(job);
	while ((job = take(&filter->slow)) != NULL)
		drop(job);
	buf_clear(&filter->out);
	free(filter);
}

void
filter_submit(struct filter *filter, struct filter_job *job, bool slow)
{
	put(slow ? &filter->slow : &filter->fast, job);
}

unsigned
filter_queued(const struct filter *filter)
{
	return filter->fast.n + filter->slow.n + (filter->job != NULL);
}

unsigned
filter_queued_slow(const struct filter *filter)
{
	return filter->slow.n + (filter->job != NULL && filter->job_slow);
}

int
filter_fd(const struct filter *filter)
{
	return filter->fd;
}

bool
filter_wants_write(const struct filter *filter)
{
	return filter->fd >= 0 && filter->out_done < filter->out.len;
}

int64_t
filter_due_ms(const struct filter *filter)
{
	if (filter->spawn_id == 0)
		return has_work(filter) ? filter->restart_ms : INT64_MAX;
	return filter->job != NULL ? filter->look_ms : INT64_MAX;
}
