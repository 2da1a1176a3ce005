/* ASKs of gateways: keys that are fetched, secrets that are kept. */

#include <string.h>

#include <openssl/crypto.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "../shared/scheme.h"
#include "../shared/zsock.h"
#include "server_impl.h"

enum { TIMEOUT_MIN_MS = 1000 };

static void
send_blob(struct server *s, const void *id, size_t id_len,
    const struct wire_blob *blob)
{
	struct buf frame = {0};

	/* A gateway that is gone hears nothing. */
	if (wire_put_blob(&frame, blob) == 0)
		(void)zsock_send_to(s->control, id, id_len, frame.p, frame.len);
	buf_clear(&frame);
}

/* ---- fetched ---- */

/* Whether a source of this worker's own configuration takes keys from a URL;
 * *fixed: no request had to name it. */
static bool
is_allowed(const struct server *s, const char *url, bool *fixed)
{
	bool allowed = false;

	*fixed = false;
	for (size_t i = 0; i < s->config->n_sources && !*fixed; i++) {
		const struct config_source *source = &s->config->sources[i];
		const char *known;

		if ((source->n_secrets > 0 &&
			!scheme_fetches_always(source->scheme)) ||
		    !scheme_url_allowed(source->scheme, url))
			continue;
		allowed = true;
		for (size_t k = 0;
		     (known = scheme_keys_url(source->scheme, k)) != NULL; k++)
			*fixed = *fixed || strcmp(known, url) == 0;
	}
	return allowed;
}

static void
refuse(struct server *s, const struct wire_ask *ask, struct wire_blob *answer)
{
	static struct log_limit limit;
	unsigned suppressed;

	blobs_refused(s->blobs);
	if (log_allow(&limit, LOG_LINES, clock_boot_ms(), &suppressed))
		log_warn("keys_not_allowed", log_str("url", ask->name),
		    log_suppressed(suppressed));
	answer->error = "not_allowed";
}

/* The dispatcher fetches. */
static int
push_fetch(struct server *s, const char *url)
{
	int64_t ms = s->config->gateway.answer_within_ms;
	struct task *task = task_new(TASK_FETCH);

	if (task == NULL || (task->text = strdup(url)) == NULL) {
		task_free(task);
		return -1;
	}
	task->due_ms = ms > TIMEOUT_MIN_MS ? ms : TIMEOUT_MIN_MS;
	dispatch_push(s->dispatch, task);
	return 0;
}

static void
tell(void *arg, const void *id, const struct wire_blob *answer)
{
	send_blob(arg, id, WIRE_LINK_LEN, answer);
}

static void
start_fetch(struct server *s, const char *url)
{
	const struct blobs_result none = {.url = url, .error = "no memory"};

	if (push_fetch(s, url) != 0)
		blobs_fetched(s->blobs, &none, clock_boot_ms(), tell, s);
}

static void
on_fetch(
    struct server *s, const void *id, size_t id_len, const struct wire_ask *ask)
{
	struct wire_blob answer = {.how = WIRE_FETCH,
	    .name = ask->name,
	    .status = WIRE_BLOB_FAILED,
	    .error = "",
	    .bytes = ""};
	struct blobs_asker asker = {.id = id};
	enum blobs_say say = BLOBS_ANSWER;

	if (id_len != WIRE_LINK_LEN)
		return;
	if (!is_allowed(s, ask->name, &asker.fixed))
		refuse(s, ask, &answer);
	else
		say =
		    blobs_ask(s->blobs, ask, &asker, clock_boot_ms(), &answer);
	if (say == BLOBS_ANSWER)
		send_blob(s, id, id_len, &answer);
	else if (say == BLOBS_FETCH)
		start_fetch(s, ask->name);
}

static void
log_fetched(const struct task *task, const char *error)
{
	if (error != NULL)
		log_error("keys_not_fetched", log_str("url", task->text),
		    log_str("error", error), log_int("ms", task->n));
	else
		log_info("keys_fetched", log_str("url", task->text),
		    log_int("bytes", task->blob.len), log_int("ms", task->n),
		    log_int("fresh_s", task->due_ms / 1000));
}

/* What came is taken only if it is keys: a page that says something else does
 * not drive good ones out. */
static void
on_fetched(struct server *s, struct task *task)
{
	char text[SCHEME_ERROR_SIZE];
	struct scheme_fetched *keys = NULL;
	const char *error = NULL;
	struct blobs_result result = {.url = task->text,
	    .bytes = task->blob.p,
	    .len = task->blob.len,
	    .fresh_ms = task->due_ms};

	if (task->failed) {
		error = buf_str(&task->blob);
	} else {
		keys =
		    scheme_fetched_new(task->blob.len > 0 ? task->blob.p : "",
			task->blob.len, text);
		error = keys != NULL ? NULL : text;
	}
	scheme_fetched_unref(keys);
	result.error = task->failed && error == NULL ? "no memory" : error;
	log_fetched(task, result.error);
	blobs_fetched(s->blobs, &result, clock_boot_ms(), tell, s);
}

struct task *
asked_fetched(struct server *s, struct task *tasks)
{
	struct task **link = &tasks, *task;

	while ((task = *link) != NULL) {
		if (task->kind != TASK_FETCHED) {
			link = &task->next;
			continue;
		}
		*link = task->next;
		on_fetched(s, task);
		task_free(task);
	}
	return tasks;
}

/* ---- kept ---- */

/* The source of this worker's own configuration that waits for a handshake to
 * deliver its secret under this name, or NULL. */
static const struct config_source *
waiting(const struct server *s, const char *name)
{
	const struct config_source *source = NULL;

	if (strncmp(name, WIRE_KEPT, strlen(WIRE_KEPT)) == 0)
		source = config_source(s->config, name + strlen(WIRE_KEPT));
	return source != NULL && source->n_secrets == 0 &&
		       scheme_keeps(source->scheme)
		   ? source
		   : NULL;
}

static void
tell_kept(struct server *s, const struct config_source *source)
{
	const char *scheme = scheme_name(source->scheme);

	log_info("secret_kept", log_str("source", source->name),
	    log_str("scheme", scheme));
	tell_note(s, OWN_SECRET_KEPT, source->name,
	    json_pack("{s:s, s:s}", "source", source->name, "scheme", scheme));
}

static enum store_result
keep(struct server *s, const struct wire_ask *ask, bool *is_new)
{
	const struct store_blob blob = {ask->name, ask->bytes, ask->len};
	enum store_result result = s->ops->begin(s->store);

	if (result == STORE_OK)
		result = s->ops->keep(s->store, &blob, clock_wall_ms(), is_new);
	if (result == STORE_OK)
		result = s->ops->commit(s->store);
	if (result != STORE_OK)
		s->ops->rollback(s->store);
	return result;
}

/* Put it, unless something is kept there, and read what is. */
static void
on_kept(
    struct server *s, const void *id, size_t id_len, const struct wire_ask *ask)
{
	struct buf bytes = {0};
	bool is_new = false;
	struct wire_blob answer = {
	    .how = ask->how, .name = ask->name, .error = "", .bytes = ""};
	const struct config_source *source = waiting(s, ask->name);
	enum store_result result = source != NULL ? STORE_OK : STORE_NONE;

	if (source != NULL && ask->how == WIRE_PUT)
		result = keep(s, ask, &is_new);
	if (result == STORE_OK && !is_new)
		result = s->ops->kept(s->store, ask->name, &bytes);
	if (source != NULL && result == STORE_NONE && ask->how == WIRE_GET)
		answer.status = WIRE_BLOB_NONE;
	else if (result != STORE_OK)
		answer.status = WIRE_BLOB_FAILED;
	else if (is_new)
		answer.status = WIRE_BLOB_STORED;
	else
		answer.status =
		    ask->how == WIRE_PUT ? WIRE_BLOB_EXISTS : WIRE_BLOB_HERE;
	if (answer.status == WIRE_BLOB_FAILED)
		answer.error = result == STORE_FULL ? "no room"
			       : result == STORE_NONE
				   ? "too long, or too many are kept"
				   : "the store failed";
	if (source == NULL)
		answer.error = "not_allowed";
	if (is_new)
		tell_kept(s, source);
	if (bytes.len > 0) {
		answer.bytes = bytes.p;
		answer.len = bytes.len;
	}
	send_blob(s, id, id_len, &answer);
	if (bytes.p != NULL)
		OPENSSL_cleanse(bytes.p, bytes.cap);
	buf_clear(&bytes);
	if (result == STORE_BROKEN)
		s->failed = true;
}

int
asked_take(struct server *s, const void *id, size_t id_len, const void *frame,
    size_t len)
{
	struct wire_ask ask;

	if (wire_get_ask(frame, len, &ask) != 0)
		return -1;
	if (ask.how == WIRE_FETCH)
		on_fetch(s, id, id_len, &ask);
	else
		on_kept(s, id, id_len, &ask);
	return 0;
}
