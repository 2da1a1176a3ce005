#include "link.h"

#include <sys/eventfd.h>
#include <sys/random.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zmq.h>

#include "../shared/clock.h"
#include "../shared/codec.h"
#include "../shared/log.h"
#include "../shared/wire.h"
#include "../shared/zsock.h"
#include "link_impl.h"
#include "rank.h"

enum {
	TICK_MS = 50,
	IDLE_MS = 250, /* between ticks while nothing waits and all is up */
	SECOND_MS = 1000,
	INSTANCE_LEN = 16,
	FRAME_SPARE = 256, /* heads of an EVENT's fields */
	TELL_MAX = 8,      /* frames of link_tell() at a time */
};

struct link {
	pthread_t thread;
	pthread_mutex_t mutex; /* of the five below */
	struct waiter *pushed; /* newest first */
	struct buf told[TELL_MAX];
	size_t n_told;
	struct config *config;
	bool stopping;

	int wake_fd;
	atomic_size_t n_pushed; /* since the link last looked */
	atomic_size_t parked;
	atomic_size_t parked_bytes;
	atomic_bool ready;
	atomic_bool poked;
	_Atomic int64_t seen_ms; /* a worker's last word */

	/* the thread's own */
	void *context;
	struct waiters waiters;
	struct config *in_use; /* whose workers the peers are */
	struct buf instance;   /* hexadecimal */
	char host[65];
	int64_t started_ms;       /* wall time */
	struct link_options with; /* what was given, but its config */
	struct pollfd *items;     /* wake_fd, then PEER_POLL of each peer */
	struct log_held held;     /* lines of one turn */
	int64_t now_ms;
	int64_t ticked_ms;
	int64_t expired_ms;
};

/* ---- what peers call ---- */

static void
on_acked(
    void *arg, struct peer *peer, uint64_t boot, const struct wire_ack *ack)
{
	struct link *link = arg;

	waiters_acked(&link->waiters, peer, boot, ack, link->now_ms);
}

static void
on_lost(void *arg, struct peer *peer, bool closed)
{
	struct link *link = arg;

	waiters_lost(&link->waiters, peer, closed, link->now_ms);
}

static void
on_heard(void *arg, struct peer *peer)
{
	struct link *link = arg;

	(void)peer;
	link->waiters.kicked = true;
	atomic_store(&link->seen_ms, link->now_ms);
}

static void
on_blob(void *arg, const struct wire_blob *blob)
{
	struct link *link = arg;

	if (link->with.blob != NULL)
		link->with.blob(link->with.asks_arg, blob);
}

static json_t *
describe(void *arg, struct tally_cursor *told)
{
	struct link *link = arg;
	json_t *counters = link->with.counters(link->with.arg, told);

	return json_pack("{s:s, s:i, s:s, s:s, s:i, s:s, s:I, s:I, s:o*}",
	    "instance", buf_str(&link->instance), "protocol", WIRE_PROTOCOL,
	    "version", GAFF_VERSION, "host", link->host, "pid", (int)getpid(),
	    "config", link->in_use->hash, "started_ms",
	    (json_int_t)link->started_ms, "parked",
	    (json_int_t)atomic_load(&link->parked), "counters", counters);
}

/* ---- workers come and go ---- */

/* Take the peer of this worker out of the present ones, or make one. */
static struct peer *
take_peer(struct link *link, const struct config_worker *worker)
{
	struct waiters *waiters = &link->waiters;
	const struct peer_handler handler = {.arg = link,
	    .acked = on_acked,
	    .lost = on_lost,
	    .blob = on_blob,
	    .heard = on_heard,
	    .describe = describe};

	for (size_t i = 0; i < waiters->n_peers; i++) {
		struct peer *peer = waiters->peers[i];

		if (peer != NULL && peer_is(peer, worker)) {
			waiters->peers[i] = NULL;
			return peer;
		}
	}
	return peer_new(link->context, worker, &handler, link->now_ms);
}

/* Part with these; what they have not acknowledged goes to the others. */
static void
drop_peers(struct link *link, struct peer **peers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (peers[i] == NULL)
			continue;
		waiters_lost(&link->waiters, peers[i], false, link->now_ms);
		peer_farewell(peers[i]);
		peer_free(peers[i]);
	}
	free(peers);
}

static void
swap_peers(struct link *link, struct peer **peers, uint64_t *ranks, size_t n)
{
	struct waiters *waiters = &link->waiters;
	struct peer **old = waiters->peers;
	size_t n_old = waiters->n_peers;

	free(waiters->ranks);
	waiters->peers = peers;
	waiters->ranks = ranks;
	waiters->n_peers = n;
	waiters->kicked = true;
	drop_peers(link, old, n_old);
}

/* Make the peers those of `config`.  -1, logged, and the present ones stay. */
static int
use_config(struct link *link, struct config *config)
{
	size_t n = config->n_workers;
	struct peer **peers = calloc(n + 1, sizeof *peers);
	uint64_t *ranks = calloc(n + 1, sizeof *ranks);
	struct pollfd *items = calloc(1 + n * PEER_POLL, sizeof *items);
	size_t made = 0;

	if (peers == NULL || ranks == NULL || items == NULL) {
		log_error("no_memory", log_str("for", "links"));
		free(peers);
		free(ranks);
		free(items);
		return -1;
	}
	config_unref(link->in_use);
	link->in_use = config_ref(config);
	for (size_t i = 0; i < n; i++) {
		peers[made] = take_peer(link, &config->workers[i]);
		if (peers[made] == NULL) {
			log_error("no_memory", log_str("for", "link"),
			    log_str("worker", config->workers[i].name));
			continue;
		}
		ranks[made++] = rank_worker(config->workers[i].name);
	}
	swap_peers(link, peers, ranks, made);
	free(link->items);
	link->items = items;
	return 0;
}

/* ---- the thread ---- */

static struct pollfd *
peer_items(struct link *link, size_t i)
{
	return &link->items[1 + i * PEER_POLL];
}

/* Wait for messages, events handed over, or the next tick. */
static void
wait_for_work(struct link *link)
{
	struct waiters *waiters = &link->waiters;
	bool busy = waiters->n > 0 || !atomic_load(&link->ready);
	int wait_ms = busy ? TICK_MS : IDLE_MS;
	uint64_t count;

	link->items[0] = (struct pollfd){.fd = link->wake_fd, .events = POLLIN};
	for (size_t i = 0; i < waiters->n_peers; i++)
		if (peer_poll(waiters->peers[i], peer_items(link, i)))
			wait_ms = 0;
	(void)poll(link->items, 1 + waiters->n_peers * PEER_POLL, wait_ms);
	if ((link->items[0].revents & POLLIN) != 0)
		(void)!read(link->wake_fd, &count, sizeof count);
	link->now_ms = clock_boot_ms();
}

/* Take what was handed over, oldest first. */
static void
take_pushed(struct link *link)
{
	struct config *config = NULL;
	struct waiter *pushed;
	struct waiter *ordered = NULL;

	(void)pthread_mutex_lock(&link->mutex);
	pushed = link->pushed;
	link->pushed = NULL;
	atomic_store(&link->n_pushed, 0);
	if (link->config != link->in_use)
		config = config_ref(link->config);
	(void)pthread_mutex_unlock(&link->mutex);
	if (config != NULL)
		(void)use_config(link, config);
	config_unref(config);
	while (pushed != NULL) {
		struct waiter *next = pushed->next;

		pushed->next = ordered;
		ordered = pushed;
		pushed = next;
	}
	while (ordered != NULL) {
		struct waiter *next = ordered->next;

		waiters_add(&link->waiters, ordered, link->now_ms);
		ordered = next;
	}
}

/* The first worker of the configuration that accepts is told. */
static void
tell(struct link *link, const struct buf *frame)
{
	const struct waiters *waiters = &link->waiters;

	for (size_t i = 0; i < waiters->n_peers; i++)
		if (peer_accepts(waiters->peers[i]) &&
		    peer_tell(waiters->peers[i], frame) == 0)
			return;
}

static void
tell_all(struct link *link)
{
	struct buf told[TELL_MAX];
	size_t n;

	(void)pthread_mutex_lock(&link->mutex);
	n = link->n_told;
	memcpy(told, link->told, sizeof told);
	memset(link->told, 0, sizeof link->told);
	link->n_told = 0;
	(void)pthread_mutex_unlock(&link->mutex);
	for (size_t i = 0; i < n; i++) {
		tell(link, &told[i]);
		buf_clear(&told[i]);
	}
}

static void
tick(struct link *link)
{
	struct waiters *waiters = &link->waiters;
	bool due = link->now_ms - link->ticked_ms >= TICK_MS;

	if (due) {
		link->ticked_ms = link->now_ms;
		for (size_t i = 0; i < waiters->n_peers; i++)
			peer_tick(waiters->peers[i], link->now_ms);
	}
	atomic_store(&link->ready, waiters_ready(waiters));
	if (due || (waiters->kicked && waiters->n_unsent > 0))
		waiters_scan(waiters, link->now_ms);
	if (link->now_ms - link->expired_ms >= SECOND_MS) {
		link->expired_ms = link->now_ms;
		waiters_expire(waiters, link->now_ms);
		link->with.second(link->with.arg);
		atomic_store(&link->poked, true);
	}
	if (atomic_exchange(&link->poked, false) && link->with.asks != NULL)
		link->with.asks(link->with.asks_arg, link);
}

static bool
is_over(struct link *link)
{
	bool over;

	(void)pthread_mutex_lock(&link->mutex);
	over = link->stopping && link->pushed == NULL && link->waiters.n == 0;
	(void)pthread_mutex_unlock(&link->mutex);
	return over;
}

static void *
run(void *arg)
{
	struct link *link = arg;
	struct waiters *waiters = &link->waiters;

	log_hold(&link->held);
	while (!is_over(link)) {
		log_release();
		wait_for_work(link);
		take_pushed(link);
		for (size_t i = 0; i < waiters->n_peers; i++)
			peer_read(waiters->peers[i], peer_items(link, i),
			    link->now_ms);
		tell_all(link);
		tick(link);
	}
	swap_peers(link, NULL, NULL, 0);
	log_hold(NULL);
	return NULL;
}

/* ---- what other threads call ---- */

static void
wake(struct link *link)
{
	const uint64_t one = 1;

	(void)!write(link->wake_fd, &one, sizeof one);
}

/* Room for one more, and a worker that may come: then it is parked. */
static enum link_push
park(struct link *link, struct waiter *waiter, int64_t now_ms)
{
	const struct config_gateway *gateway = &link->config->gateway;
	size_t bytes = waiter->frame.len + LINK_OVERHEAD;
	size_t parked = atomic_load(&link->parked);

	if (now_ms - atomic_load(&link->seen_ms) > LINK_LOST_MS)
		return LINK_NO_WORKER;
	if (parked >= (size_t)gateway->parked ||
	    (parked > 0 && atomic_load(&link->parked_bytes) + bytes >
			       (size_t)gateway->parked_bytes))
		return LINK_BUSY;
	(void)atomic_fetch_add(&link->parked, 1);
	(void)atomic_fetch_add(&link->parked_bytes, bytes);
	waiter->next = link->pushed;
	link->pushed = waiter;
	return LINK_PUSHED;
}

struct waiter *
link_waiter(const struct event *event)
{
	static const struct wire_target nobody;
	struct waiter *waiter = calloc(1, sizeof *waiter);

	if (waiter == NULL)
		return NULL;
	if (buf_reserve(&waiter->frame, event_size(event) + FRAME_SPARE) != 0 ||
	    wire_put_event(&waiter->frame, &nobody, event) != 0) {
		buf_clear(&waiter->frame);
		free(waiter);
		return NULL;
	}
	waiter->rank = rank_event(event);
	memcpy(waiter->id, event->id, EVENT_ID_LEN);
	return waiter;
}

enum link_push
link_push(struct link *link, struct waiter *waiter, void *owner,
    int64_t deadline_boot_ms)
{
	int64_t now_ms = clock_boot_ms();
	enum link_push result;
	size_t n;

	if (waiter == NULL)
		return LINK_NO_MEMORY;
	waiter->owner = owner;
	waiter->deadline_ms = deadline_boot_ms;
	waiter->third_ms = (deadline_boot_ms - now_ms) / 3;
	(void)pthread_mutex_lock(&link->mutex);
	result = park(link, waiter, now_ms);
	n = result == LINK_PUSHED ? ++link->n_pushed : 0;
	(void)pthread_mutex_unlock(&link->mutex);
	if (result != LINK_PUSHED) {
		buf_clear(&waiter->frame);
		free(waiter);
	} else if (n == LINK_PUSHES) {
		wake(link);
	}
	return result;
}

void
link_flush(struct link *link)
{
	if (atomic_load(&link->n_pushed) > 0)
		wake(link);
}

void
link_tell(struct link *link, struct buf *frame)
{
	bool taken = false;

	(void)pthread_mutex_lock(&link->mutex);
	if (link->n_told < TELL_MAX) {
		link->told[link->n_told++] = *frame;
		*frame = (struct buf){0};
		taken = true;
	}
	(void)pthread_mutex_unlock(&link->mutex);
	if (taken)
		wake(link);
	buf_clear(frame);
}

void
link_poke(struct link *link)
{
	atomic_store(&link->poked, true);
	wake(link);
}

int
link_ask(struct link *link, const struct buf *frame, size_t n)
{
	const struct waiters *waiters = &link->waiters;

	for (size_t i = 0; i < waiters->n_peers; i++)
		if (peer_ask(
			waiters->peers[(n + i) % waiters->n_peers], frame) == 0)
			return 0;
	/* no wake: the next tick will do */
	atomic_store(&link->poked, true);
	return -1;
}

int
link_ask_at(struct link *link, const struct buf *frame, size_t n)
{
	const struct waiters *waiters = &link->waiters;

	return n < waiters->n_peers ? peer_ask(waiters->peers[n], frame) : -1;
}

size_t
link_workers(const struct link *link)
{
	return link->waiters.n_peers;
}

void
link_reload(struct link *link, struct config *config)
{
	struct config *old;

	(void)pthread_mutex_lock(&link->mutex);
	old = link->config;
	link->config = config_ref(config);
	(void)pthread_mutex_unlock(&link->mutex);
	config_unref(old);
	wake(link);
}

bool
link_ready(const struct link *link)
{
	return atomic_load(&link->ready);
}

size_t
link_parked(const struct link *link)
{
	return atomic_load(&link->parked);
}

/* ---- start and stop ---- */

static void
link_free(struct link *link)
{
	swap_peers(link, NULL, NULL, 0);
	sends_free(link->waiters.sends);
	zsock_context_end(link->context);
	config_unref(link->config);
	config_unref(link->in_use);
	buf_clear(&link->instance);
	for (size_t i = 0; i < link->n_told; i++)
		buf_clear(&link->told[i]);
	free(link->items);
	if (link->wake_fd != -1)
		(void)close(link->wake_fd);
	(void)pthread_mutex_destroy(&link->mutex);
	free(link);
}

static int
make_instance(struct link *link)
{
	uint8_t bytes[INSTANCE_LEN];

	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return -1;
	if (gethostname(link->host, sizeof link->host - 1) != 0)
		return -1;
	return codec_encode(CODEC_HEX, bytes, sizeof bytes, &link->instance);
}

static int
prepare(struct link *link, const struct link_options *options)
{
	struct waiters *waiters = &link->waiters;

	link->now_ms = clock_boot_ms();
	link->started_ms = clock_wall_ms();
	link->config = config_ref(options->config);
	link->with = *options;
	atomic_init(&link->poked, true);
	atomic_init(&link->n_pushed, 0);
	atomic_init(&link->parked, 0);
	atomic_init(&link->parked_bytes, 0);
	atomic_init(&link->ready, false);
	atomic_init(&link->seen_ms, link->now_ms);
	waiters->answer = options->answer;
	waiters->parked = &link->parked;
	waiters->parked_bytes = &link->parked_bytes;
	waiters->sends = sends_new();
	link->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	link->context = zmq_ctx_new();
	if (waiters->sends == NULL || link->wake_fd == -1 ||
	    link->context == NULL || make_instance(link) != 0)
		return -1;
	return use_config(link, options->config);
}

struct link *
link_start(const struct link_options *options)
{
	struct link *link = calloc(1, sizeof *link);

	if (link == NULL)
		return NULL;
	(void)pthread_mutex_init(&link->mutex, NULL);
	link->wake_fd = -1;
	if (prepare(link, options) != 0 ||
	    pthread_create(&link->thread, NULL, run, link) != 0) {
		log_error("link_failed_to_start", LOG_NONE);
		link_free(link);
		return NULL;
	}
	return link;
}

void
link_stop(struct link *link)
{
	if (link == NULL)
		return;
	(void)pthread_mutex_lock(&link->mutex);
	link->stopping = true;
	(void)pthread_mutex_unlock(&link->mutex);
	wake(link);
	(void)pthread_join(link->thread, NULL);
	link_free(link);
}
