/* A worker's status as people read it. */

#include <stdio.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/units.h"
#include "out.h"
#include "status.h"

enum { FAILURE_MAX = 60 /* bytes of a failure's text */ };

static void
print_head(const json_t *status)
{
	const json_t *store = json_object_get(status, "store");
	char up[OUT_TEXT_SIZE], used[OUT_TEXT_SIZE], left[OUT_TEXT_SIZE];

	printf("worker %-8s %s   up %s   gaff %s   config %s   store %s, "
	       "%s free, sync %.1f ms\n",
	    out_member(status, "worker"), out_member(status, "state"),
	    out_since(out_member(status, "started_at"), up),
	    out_member(status, "version"), out_member(status, "config"),
	    units_format_bytes(
		out_number(store, "used_bytes"), used, sizeof(used)),
	    units_format_bytes(
		out_number(store, "free_bytes"), left, sizeof(left)),
	    (double)out_number(store, "sync_us") / 1000);
}

static void
print_queue(const json_t *status)
{
	const json_t *gateways = json_object_get(status, "gateways");
	char age[OUT_TEXT_SIZE];
	struct status_sums sums;

	status_sum(status, &sums);
	printf("gateways        %zu linked, %.3g/s in, %lld parked\n",
	    json_array_size(gateways),
	    json_number_value(json_object_get(status, "per_second")),
	    (long long)sums.parked);
	printf("queue           %lld running  %lld waiting  %lld held  "
	       "%lld being buried  %lld dead  %lld unrouted  %lld unmatched",
	    (long long)sums.running, (long long)sums.waiting,
	    (long long)sums.held, (long long)sums.exhausted,
	    (long long)sums.dead, (long long)out_number(status, "unrouted"),
	    (long long)out_number(status, "unmatched"));
	if (sums.oldest_ms != 0)
		printf(" (oldest %s)", out_ago(sums.oldest_ms, age));
	putchar('\n');
}

static int
print_gateways(const json_t *status)
{
	static const char *const headers[] = {
	    "gateway", ">pid", "linked", "heard", "version", "config", ""};
	struct out_table *table;
	const json_t *gateway;
	char since[OUT_TEXT_SIZE], heard[OUT_TEXT_SIZE];
	size_t i;

	if (json_array_size(json_object_get(status, "gateways")) == 0)
		return 0;
	table = out_table_new(headers, 7);
	json_array_foreach(json_object_get(status, "gateways"), i, gateway)
	{
		const char *skew = status_skew(status, gateway);

		out_cell(table, out_member(gateway, "host"));
		out_cellf(table, "%lld", (long long)out_number(gateway, "pid"));
		out_cell(
		    table, out_age(out_number(gateway, "since_ms"), since));
		out_cellf(table, "%s ago",
		    out_age(out_number(gateway, "heard_ms"), heard));
		out_cell(table, out_member(gateway, "version"));
		out_cell(table, out_member(gateway, "config"));
		out_cellf(table, "%s%s", skew[0] != '\0' ? "<- " : "", skew);
	}
	return out_table_print(table);
}

/* When something happened last.  A worker knows it only since its start; what
 * was counted before was earlier. */
static const char *
last(int64_t wall_ms, int64_t in_day, char out[OUT_TEXT_SIZE])
{
	char age[OUT_TEXT_SIZE];

	if (wall_ms == 0)
		return in_day > 0 ? "earlier" : "–";
	snprintf(out, OUT_TEXT_SIZE, "%.20s ago", out_ago(wall_ms, age));
	return out;
}

static int
print_sources(const json_t *status)
{
	static const char *const headers[] = {"source", ">24h accepted",
	    ">refused", ">unavailable", ">duplicate", "last accepted",
	    "last refused"};
	json_t *sources = json_object_get(status, "sources"), *source;
	struct out_table *table;
	char text[OUT_TEXT_SIZE];
	const char *name;

	if (json_object_size(sources) == 0)
		return 0;
	table = out_table_new(headers, 7);
	json_object_foreach(sources, name, source)
	{
		const json_t *day = json_object_get(source, "day");
		const char *reason = out_member(source, "reason");

		out_cell(table, name[0] != '\0' ? name : "(none)");
		for (size_t i = 1; i < 5; i++) {
			static const char *const members[] = {NULL, "accepted",
			    "refused", "unavailable", "duplicate"};

			out_cellf(table, "%lld",
			    (long long)out_number(day, members[i]));
		}
		out_cell(table, last(out_number(source, "last_accepted_ms"),
				    out_number(day, "accepted"), text));
		out_cellf(table, "%s%s%s",
		    last(out_number(source, "last_refused_ms"),
			out_number(day, "refused"), text),
		    reason[0] != '\0' ? "  " : "", reason);
	}
	return out_table_print(table);
}

/* "paused; exit:1 PDOException: server has gone away", cut. */
static void
failure_cell(struct out_table *table, const json_t *route)
{
	const json_t *failure = json_object_get(route, "last_failure");
	const char *held = status_held(route);
	const char *detail = out_member(failure, "detail");
	size_t len = strlen(detail);

	if (len > FAILURE_MAX) {
		len = FAILURE_MAX;
		while (len > 0 && ((unsigned char)detail[len] & 0xc0) == 0x80)
			len--;
	}
	if (failure == NULL)
		out_cell(table, held);
	else
		out_cellf(table, "%s%s%s%s%.*s%s", held,
		    held[0] != '\0' ? "; " : "", out_member(failure, "outcome"),
		    len > 0 ? " " : "", (int)len, detail,
		    detail[len] != '\0' ? "…" : "");
}

static int
print_routes(const json_t *status)
{
	static const char *const headers[] = {"route", ">24h delivered",
	    ">failed", ">dead", ">running", ">waiting", ">oldest",
	    "last failure"};
	struct out_table *table;
	char text[OUT_TEXT_SIZE];
	const json_t *route;
	size_t i;

	if (json_array_size(json_object_get(status, "routes")) == 0)
		return 0;
	table = out_table_new(headers, 8);
	json_array_foreach(json_object_get(status, "routes"), i, route)
	{
		const json_t *day = json_object_get(route, "day");

		out_cell(table, out_member(route, "route"));
		out_cellf(
		    table, "%lld", (long long)out_number(day, "delivered"));
		out_cellf(table, "%lld", (long long)out_number(day, "failed"));
		out_cellf(table, "%lld", (long long)out_number(day, "dead"));
		out_cellf(
		    table, "%lld", (long long)out_number(route, "running"));
		out_cellf(table, "%lld", (long long)status_waiting(route));
		out_cell(
		    table, out_since(out_member(route, "oldest_at"), text));
		failure_cell(table, route);
	}
	return out_table_print(table);
}

static void
print_lines(const char *head, const json_t *lines)
{
	const json_t *line;
	size_t i;

	json_array_foreach(lines, i, line)
	    printf("%-8s %s\n", head, json_string_value(line));
}

void
status_print(const json_t *status)
{
	/* one that was not reached has nothing but its problem */
	if (json_object_get(status, "store") != NULL) {
		print_head(status);
		print_queue(status);
		(void)print_gateways(status);
		(void)print_sources(status);
		(void)print_routes(status);
	}
	print_lines("note", json_object_get(status, "notes"));
	print_lines("PROBLEM", json_object_get(status, "problems"));
}
