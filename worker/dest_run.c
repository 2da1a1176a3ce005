#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "dest.h"
#include "run_env.h"
#include "run_request.h"

/* One running program. */
struct attempt {
	struct attempt *next;
	struct dest *dest;
	struct store_delivery *delivery;
	struct spawn *spawn; /* who started it */
	uint64_t id;
	int64_t at_ms;
	bool cut;
	char *program;   /* for the detail when it cannot be started */
	char *directory; /* the same */
	struct dest_final final;
};

struct dest {
	struct dest_context context;
	struct run_user user;
	const char *directory; /* of routes that name none */
	struct attempt *running;
};

static void
attempt_free(struct attempt *attempt)
{
	if (attempt == NULL)
		return;
	free(attempt->program);
	free(attempt->directory);
	free(attempt);
}

static void
run_close(struct dest *dest)
{
	struct attempt *attempt;

	if (dest == NULL)
		return;
	while ((attempt = dest->running) != NULL) {
		dest->running = attempt->next;
		store_delivery_free(attempt->delivery);
		attempt_free(attempt);
	}
	run_user_clear(&dest->user);
	free(dest);
}

static struct dest *
run_open(const struct dest_context *context)
{
	struct dest *dest = calloc(1, sizeof(*dest));
	struct stat st;

	if (dest == NULL || run_user_get(&dest->user) != 0) {
		log_error("no_memory", log_str("for", "dest_run"));
		free(dest);
		return NULL;
	}
	dest->context = *context;
	dest->directory = "/";
	if (stat(dest->user.home, &st) == 0 && S_ISDIR(st.st_mode) &&
	    access(dest->user.home, X_OK) == 0)
		dest->directory = dest->user.home;
	return dest;
}

/* The body as a file that nobody can change, which is at its beginning; -1
 * logged. */
static int
body_file(const struct event *event)
{
	int fd = memfd_create("gaff-body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const char *p = event->body;
	size_t left = event->body_len;
	ssize_t n;

	while (fd >= 0 && left > 0) {
		n = pwrite(fd, p, left, (off_t)(event->body_len - left));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			goto fail;
		p += n;
		left -= (size_t)n;
	}
	if (fd >= 0 &&
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
		return fd;
fail:
	log_error("body_file_failed", log_str("error", strerror(errno)),
	    log_int("bytes", event->body_len));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* What the status says, as far as the program was left alone. */
static void
judge(const struct attempt *attempt, int status, struct dest_outcome *o)
{
	int code;

	if (!WIFEXITED(status)) {
		snprintf(o->outcome, sizeof(o->outcome), "signal:%d",
		    WTERMSIG(status));
		return;
	}
	code = WEXITSTATUS(status);
	snprintf(o->outcome, sizeof(o->outcome), "exit:%d", code);
	if (code == 0) {
		o->verdict = DEST_DELIVERED;
		snprintf(o->outcome, sizeof(o->outcome), "ok");
	} else if (code == DEST_EXIT_FINAL ||
		   dest_final_has(&attempt->final, code)) {
		o->verdict = DEST_FINAL;
	}
}

static void
explain_exec_error(const struct attempt *attempt, struct exec_fault fault,
    struct dest_outcome *o)
{
	static const char *const steps[] = {
	    [EXEC_PROGRAM] = "",
	    [EXEC_DIRECTORY] = "directory ",
	    [EXEC_USER] = "cannot change the user for ",
	    [EXEC_REFUSED] = "gaff-run refused ",
	};

	snprintf(o->outcome, sizeof(o->outcome), "exec_failed");
	snprintf(o->detail, sizeof(o->detail), "%s%.140s: %s",
	    steps[fault.step],
	    fault.step == EXEC_DIRECTORY ? attempt->directory
					 : attempt->program,
	    fault.step == EXEC_REFUSED ? run_refusal_text(fault.error)
				       : strerror(fault.error));
}

/* The attempt is over: tell, and forget it. */
static void
finish(struct attempt *attempt, const struct dest_outcome *o)
{
	struct dest *dest = attempt->dest;
	struct store_delivery *delivery = attempt->delivery;
	struct attempt **link = &dest->running;

	while (*link != NULL && *link != attempt)
		link = &(*link)->next;
	if (*link != NULL)
		*link = attempt->next;
	attempt_free(attempt);
	dest->context.done(dest->context.arg, delivery, o);
}

static void
ended(void *arg, const struct spawn_end *end)
{
	struct attempt *attempt = arg;
	struct dest_outcome o = {.verdict = DEST_RETRY,
	    .at_ms = attempt->at_ms,
	    .ms = end->ms,
	    .output = end->output,
	    .output_len = end->output_len};

	dest_last_line(o.detail, end->output, end->output_len);
	if (end->fault.error != 0)
		explain_exec_error(attempt, end->fault, &o);
	else if (end->timed_out)
		snprintf(o.outcome, sizeof(o.outcome), "timeout");
	else
		judge(attempt, end->status, &o);
	/* An exit status after our own signal proves nothing. */
	if (attempt->cut && end->fault.error == 0 && !end->timed_out)
		o.verdict = DEST_CUT;
	finish(attempt, &o);
}

/* NULL without memory. */
static struct attempt *
attempt_new(struct dest *dest, const struct config_route *route,
    struct store_delivery *delivery)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));

	if (attempt == NULL)
		return NULL;
	attempt->dest = dest;
	attempt->delivery = delivery;
	attempt->spawn =
	    route->user != NULL ? dest->context.others : dest->context.spawn;
	attempt->at_ms = clock_wall_ms();
	attempt->program = strdup(route->argv[0]);
	attempt->directory = strdup(
	    route->directory != NULL ? route->directory : dest->directory);
	dest_final_set(&attempt->final, route);
	if (attempt->program == NULL || attempt->directory == NULL) {
		attempt_free(attempt);
		return NULL;
	}
	return attempt;
}

/* Too long for the system, which no later attempt changes by itself; it is an
 * attempt like any other all the same, and the configuration may change. */
static void
refuse_too_long(struct attempt *attempt)
{
	struct dest_outcome o = {
	    .verdict = DEST_RETRY, .at_ms = attempt->at_ms, .output = ""};

	explain_exec_error(
	    attempt, (struct exec_fault){E2BIG, EXEC_PROGRAM}, &o);
	finish(attempt, &o);
}

static int
run_start(struct dest *dest, const struct config_route *route,
    struct store_delivery *delivery)
{
	struct attempt *attempt = attempt_new(dest, route, delivery);
	char **env = run_env(&dest->user, route, delivery);
	int input = body_file(delivery->event), result = -1;
	struct spawn_start start;

	if (attempt == NULL || env == NULL || input < 0)
		goto out;
	start = (struct spawn_start){
	    .delivery = route->user != NULL ? delivery : NULL,
	    .argv = route->argv,
	    .env = env,
	    .directory = attempt->directory,
	    .input = input,
	    .timeout_ms = route->timeout_ms,
	    .done = ended,
	    .arg = attempt};
	attempt->id = spawn_start(attempt->spawn, &start);
	if (attempt->id != 0) {
		attempt->next = dest->running;
		dest->running = attempt;
		attempt = NULL;
		result = 0;
	} else if (errno == E2BIG) {
		refuse_too_long(attempt);
		attempt = NULL;
		result = 0;
	}
out:
	if (input >= 0)
		close(input);
	free(env);
	attempt_free(attempt);
	return result;
}

static void
run_cut(struct dest *dest)
{
	struct attempt *attempt;

	for (attempt = dest->running; attempt != NULL;
	     attempt = attempt->next) {
		attempt->cut = true;
		spawn_kill(attempt->spawn, attempt->id);
	}
}

const struct dest_ops dest_run = {
    .open = run_open,
    .close = run_close,
    .start = run_start,
    .ready = NULL,
    .cut = run_cut,
};
