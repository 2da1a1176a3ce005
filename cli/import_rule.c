/* The trigger rule: what proves, what allows, what filters. */

#include <stdlib.h>
#include <string.h>

#include "../shared/net.h"
#include "import_impl.h"

enum { PROOFS_MAX = 16, DEPTH_MAX = 32, RANGE_MAX = 64 };

static void
give_up(struct import_hook *hook, const json_t *rule)
{
	char *text = json_dumps(rule, JSON_COMPACT);

	if (text != NULL && !import_names_secret(text))
		import_note(hook, "this rule is not translated: %s", text);
	else
		import_note(hook, "a rule with a secret is not translated");
	import_note(hook, "- say it in the source or as a filter, then take "
			  "enabled = no away");
	hook->stuck = true;
	free(text);
}

/* ---- addresses ---- */

static bool
is_addresses(const json_t *match)
{
	return strcmp(import_text(match, "type"), "ip-whitelist") == 0;
}

/* "10.0.0.0/8 192.0.2.1", a line each.  -1: one is no address. */
static int
add_addresses(const char *ranges, struct buf *out)
{
	char text[RANGE_MAX];
	struct net_range range;

	for (ranges += strspn(ranges, " \t"); *ranges != '\0';
	     ranges += strspn(ranges, " \t")) {
		size_t len = strcspn(ranges, " \t");

		if (len >= sizeof(text))
			return -1;
		memcpy(text, ranges, len);
		text[len] = '\0';
		if (net_range_parse(text, &range) != 0)
			return -1;
		(void)buf_printf(out, "allow = %s\n", text);
		ranges += len;
	}
	return out->len > 0 && !out->failed ? 0 : -1;
}

/* Lists of a source add up; two rules would both have to hold. */
static void
allow(struct import_hook *hook, const json_t *const *matches, size_t n,
    const json_t *rule)
{
	struct buf lines = {0};
	int result = hook->allow.len == 0 ? 0 : -1;

	for (size_t i = 0; i < n && result == 0; i++)
		result =
		    add_addresses(import_text(matches[i], "ip-range"), &lines);
	if (result == 0)
		(void)buf_add(&hook->allow, lines.p, lines.len);
	else
		give_up(hook, rule);
	buf_clear(&lines);
}

/* ---- one of several ---- */

static bool
same_place(const json_t *a, const json_t *b)
{
	return strcmp(import_text(a, "type"), import_text(b, "type")) == 0 &&
	       json_equal(json_object_get(a, "parameter"),
		   json_object_get(b, "parameter"));
}

/* The matches an `or` consists of, where all are of a kind that a list of the
 * source says.  How many, or 0. */
static size_t
collect_or(const json_t *list, const json_t *matches[PROOFS_MAX])
{
	const json_t *rule;
	size_t i, n = 0;

	json_array_foreach(list, i, rule)
	{
		const json_t *match = json_object_get(rule, "match");

		if (match == NULL || n == PROOFS_MAX)
			return 0;
		matches[n++] = match;
		if (!is_addresses(matches[0])
			? !import_is_proof(match) ||
			      !same_place(match, matches[0])
			: !is_addresses(match))
			return 0;
	}
	return n;
}

/* ---- the tree ---- */

static void
add_filter(struct import_hook *hook, const json_t *rule)
{
	struct buf text = {0};

	if (import_filter(rule, &text) != 0) {
		give_up(hook, rule);
	} else {
		(void)buf_add_str(
		    &hook->filter, hook->filter.len > 0 ? "\n    and " : "");
		(void)buf_add(&hook->filter, text.p, text.len);
	}
	buf_clear(&text);
}

static void
take(struct import_hook *hook, const json_t *const *matches, size_t n,
    const json_t *rule)
{
	if (n > 0 && is_addresses(matches[0]))
		allow(hook, matches, n, rule);
	else if (n > 0 && !hook->verified && import_is_proof(matches[0]))
		import_proof(hook, matches, n);
	else
		add_filter(hook, rule);
}

/* NOLINTBEGIN(misc-no-recursion): rules are trees, no deeper than DEPTH_MAX */

/* All rules of an `and` hold, so each can be said where it belongs. */
static void
walk(struct import_hook *hook, const json_t *rule, unsigned depth)
{
	const json_t *matches[PROOFS_MAX], *part, *one;
	size_t i;

	if ((part = json_object_get(rule, "and")) != NULL &&
	    depth < DEPTH_MAX && json_array_size(part) > 0) {
		json_array_foreach(part, i, one) walk(hook, one, depth + 1);
	} else if ((matches[0] = json_object_get(rule, "match")) != NULL) {
		take(hook, matches, 1, rule);
	} else {
		part = json_object_get(rule, "or");
		take(hook, matches, collect_or(part, matches), rule);
	}
}

/* NOLINTEND(misc-no-recursion) */

void
import_rule(struct import_hook *hook, const json_t *rule)
{
	if (rule != NULL)
		walk(hook, rule, 0);
	if (hook->verified)
		return;
	(void)buf_add_str(&hook->proof, "scheme = none\n");
	if (hook->allow.len > 0)
		return;
	hook->unsafe = true;
	import_note(hook, "nothing proves who sends: everybody who knows the "
			  "URL can run the command.");
	import_note(hook, "- Give the source a scheme and a secret (gaff "
			  "schemes), or allow = ADDRESSES,");
	import_note(hook, "- or leave it as it was: unverified = yes");
}
