/*
 * stage - the dispatcher with a store thread that the test plays
 *
 * Helpers fail the running test when they cannot do their work.
 */

#ifndef TESTS_UNIT_STAGE_H
#define TESTS_UNIT_STAGE_H

#include <stdbool.h>

#include "../../worker/dispatch.h"

enum { STAGE_TASKS = 2000, STAGE_ROUTES = 8 };

/* A route of the played store. */
struct stock {
	char route[CONFIG_NAME_MAX + 1];
	unsigned pending; /* to be handed out */
	unsigned running;
	unsigned most; /* that ran at once */
};

struct stage {
	char *dir;
	struct dispatch *dispatch;
	struct tasks *out;
	int wake;
	struct config *config;
	struct stock stocks[STAGE_ROUTES];
	unsigned n_stocks;
	struct task *got[STAGE_TASKS]; /* all but CLAIMs, in order */
	unsigned n_got;
	int64_t next_seq;
};

/* A configuration of one worker, to which `routes` is added (keys of the worker
 * first); the caller's reference. */
struct config *stage_load(const struct stage *b, const char *routes);

/* Start a dispatcher with it. */
void stage_open(struct stage *b, const char *routes);

/* Hand it a task. */
void stage_push(struct stage *b, struct task *task);

/* A new task, with a route unless that is NULL. */
struct task *stage_task(enum task_kind kind, const char *route);

/* What the store has of a route. */
struct stock *stage_stock(struct stage *b, const char *route);

/* An event of the source shop, and a delivery of one. */
struct event stage_event(const char *type, const char *body);

struct store_delivery *stage_delivery(struct stage *b, const char *route);

/* Take what came; false when nothing did within 20 s. */
bool stage_receive(struct stage *b);

/* How many tasks of a kind (and route, unless NULL) came. */
unsigned
stage_count(const struct stage *b, enum task_kind kind, const char *route);

/* Until n tasks of a kind (and route) came. */
void
stage_wait(struct stage *b, enum task_kind kind, const char *route, unsigned n);

/* The last of a kind. */
const struct task *stage_last(const struct stage *b, enum task_kind kind);

/* n more deliveries are due. */
void stage_supply(struct stage *b, const char *route, unsigned n);

/* Hand it an event to route. */
void
stage_route(struct stage *b, int64_t seq, const char *type, const char *body);

/* Give it another configuration; the reference stays the caller's. */
void stage_config(struct stage *b, struct config *config);

/* Stop at once, cut what runs, and free all. */
void stage_close(struct stage *b);

/* A socket that takes connections and says nothing. */
int stage_silent_server(unsigned *port);

#endif
