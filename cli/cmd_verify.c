/* gaff verify: whether a request is what its scheme says, offline. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "call.h"
#include "cmd.h"
#include "offline.h"
#include "out.h"

static struct offline_options given;
static const char *rejected_id, *worker;

static const struct option_spec specs[] = {
    OFFLINE_SPECS(given),
    {"rejected", OPTION_TEXT, &rejected_id, "ID",
	"a refused request that is kept, by its source's secrets"},
    {"worker", OPTION_TEXT, &worker, "NAME", "that keeps it"},
    {NULL},
};

static const struct options options = {
    .verb = "verify",
    .operands = "",
    .about =
	"Verify a request offline.  Exit status 0: it is genuine; 1: it is "
	"not, and what\ndoes not match is said.  A refused request is verified "
	"as of the time it came.",
    .specs = specs,
};

/* "header stripe-signature" for the place a verdict is about. */
static void
print_where(const struct scheme_verdict *verdict, struct buf *out)
{
	(void)buf_printf(out, "%s",
	    *verdict->where != '\0' ? verdict->where : "the signature");
}

static void
print_time(const struct offline *offline, const struct scheme_verdict *verdict,
    struct buf *out)
{
	int64_t skew_ms = verdict->skew_ms;
	int64_t tolerance_ms = scheme_tolerance_ms(offline->scheme);

	(void)buf_printf(out,
	    "signed %" PRId64 "s %s, %" PRId64 "s are allowed",
	    (skew_ms < 0 ? -skew_ms : skew_ms) / 1000,
	    skew_ms < 0 ? "ago" : "ahead of the clock", tolerance_ms / 1000);
}

/* What form a signature must have, out of the scheme's keys. */
static void
print_form(const struct scheme *scheme, struct buf *out)
{
	static const struct {
		const char *key;
		const char *text;
	} rows[] = {
	    {"prefix", "must begin with `%s`"},
	    {"algorithm_prefix", "must begin with HASH= of: %s"},
	    {"signature_key", "must have a pair `%s` (and each key once but "
			      "those of signatures)"},
	    {"timestamp_unit", "or the timestamp is not in `%s`"},
	    {"require", "must be as %s"},
	};

	size_t n = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *value = scheme_get(scheme, rows[i].key);
		const char *s = strstr(rows[i].text, "%s");

		if (!value)
			continue;
		(void)buf_printf(out, "%s%.*s%s%s", n++ > 0 ? "; " : ": ",
		    (int)(s - rows[i].text), rows[i].text, value, s + 2);
	}
}

/* The same of the key that is to verify. */
static void
explain_key(
    const struct scheme *scheme, enum scheme_result result, struct buf *out)
{
	const char *from = scheme_keys_url(scheme, 0);

	if (from == NULL)
		from = scheme_keys_from(scheme, 0);
	if (result == SCHEME_NO_SUCH_KEY)
		(void)buf_add_str(out, "it names a key that is not there");
	else if (result == SCHEME_BAD_CERTIFICATE)
		(void)buf_add_str(out,
		    "its certificate is out of date, not for this, or leads "
		    "to none that is trusted");
	else
		(void)buf_printf(out,
		    "its keys come from %s: put what is there into a file and "
		    "give --secret file:NAME",
		    from);
}

/* One sentence that says what did not match. */
static void
explain(const struct offline *offline, const struct scheme_verdict *verdict,
    struct buf *out)
{
	const char *encoding = scheme_get(offline->scheme, "encoding");

	switch (verdict->result) {
	case SCHEME_HEADER_MISSING:
		print_where(verdict, out);
		(void)buf_add_str(out, " is missing or empty");
		break;
	case SCHEME_HEADER_TWICE:
		print_where(verdict, out);
		(void)buf_add_str(out, " is there twice");
		break;
	case SCHEME_BAD_FORMAT:
		print_where(verdict, out);
		(void)buf_add_str(out, " does not have its form");
		print_form(offline->scheme, out);
		break;
	case SCHEME_BAD_ENCODING:
		print_where(verdict, out);
		(void)buf_printf(
		    out, " is not %s", encoding ? encoding : "encoded as due");
		break;
	case SCHEME_WRONG_LENGTH:
		print_where(verdict, out);
		(void)buf_add_str(out, " is too short or too long");
		break;
	case SCHEME_MISMATCH:
		print_where(verdict, out);
		(void)buf_printf(out,
		    ": the signature does not match under any of %zu "
		    "secret%s; the body must be byte for byte as sent (%zu "
		    "bytes here)",
		    offline->n_secrets, offline->n_secrets == 1 ? "" : "s",
		    offline->request.body_len);
		break;
	case SCHEME_TOO_OLD:
	case SCHEME_TOO_NEW:
		print_time(offline, verdict, out);
		break;
	case SCHEME_BAD_TOKEN:
		print_where(verdict, out);
		(void)buf_printf(out, " is none of %zu secret%s",
		    offline->n_secrets, offline->n_secrets == 1 ? "" : "s");
		break;
	case SCHEME_NO_SUCH_KEY:
	case SCHEME_BAD_CERTIFICATE:
	case SCHEME_NO_KEY_YET:
		explain_key(offline->scheme, verdict->result, out);
		break;
	case SCHEME_OK:
	case SCHEME_ERROR:
	case SCHEME__MAX:
		(void)buf_add_str(out, "it could not be verified");
		break;
	}
}

static const char *
text_of(struct buf *buf)
{
	const char *text = buf_str(buf);

	return text ? text : "";
}

static json_t *
verdict_json(
    const struct offline *offline, const struct scheme_verdict *verdict)
{
	bool good = verdict->result == SCHEME_OK;
	json_t *out = json_pack("{s:b, s:s}", "verified", good, "scheme",
	    scheme_name(verdict->scheme));

	if (verdict->has_skew)
		json_object_set_new(
		    out, "skew_ms", json_integer(verdict->skew_ms));
	if (good && !scheme_is_none(offline->scheme))
		json_object_set_new(
		    out, "secret", json_integer(verdict->secrets_tried));
	if (!good) {
		json_object_set_new(out, "reason",
		    json_string(scheme_result_name(verdict->result)));
		json_object_set_new(out, "where", json_string(verdict->where));
	}
	return out;
}

static void
print_refused(
    const struct offline *offline, const struct scheme_verdict *verdict)
{
	struct buf why = {0};

	explain(offline, verdict, &why);
	if (given.json) {
		json_t *out = verdict_json(offline, verdict);

		json_object_set_new(out, "detail", json_string(text_of(&why)));
		out_json(out);
		json_decref(out);
	} else {
		printf("refused: %s: ", scheme_result_name(verdict->result));
		out_text(text_of(&why));
		putchar('\n');
	}
	buf_clear(&why);
}

static int
print_verified(
    const struct offline *offline, const struct scheme_verdict *verdict)
{
	struct scheme_facts facts;

	if (scheme_find(verdict->scheme, &offline->request, &facts)) {
		fprintf(stderr, "gaff verify: no memory\n");
		return CMD_FAILED;
	}
	if (given.json) {
		json_t *out = verdict_json(offline, verdict);

		json_object_set_new(
		    out, "id", json_string(text_of(&facts.key)));
		json_object_set_new(
		    out, "type", json_string(text_of(&facts.type)));
		json_object_set_new(out, "probe", json_boolean(facts.probe));
		out_json(out);
		json_decref(out);
	} else {
		printf("verified: %s", scheme_name(verdict->scheme));
		if (verdict->secrets_tried > 0)
			printf(", secret %u of %zu", verdict->secrets_tried,
			    offline->n_secrets);
		if (verdict->has_skew)
			printf(", signed %" PRId64 "s %s",
			    (verdict->skew_ms < 0 ? -verdict->skew_ms
						  : verdict->skew_ms) /
				1000,
			    verdict->skew_ms <= 0 ? "ago"
						  : "ahead of the clock");
		printf("\nid: ");
		out_text(facts.key.len > 0 ? text_of(&facts.key) : "none");
		printf("\ntype: ");
		out_text(facts.type.len > 0 ? text_of(&facts.type) : "none");
		printf("%s\n", facts.probe ? "\na probe of the provider" : "");
	}
	scheme_facts_clear(&facts);
	return CMD_DONE;
}

static int
verify(const struct offline *offline)
{
	struct scheme_verdict verdict;

	if (scheme_verify(offline->scheme, offline->keys, &offline->request,
		&verdict) == SCHEME_OK)
		return print_verified(offline, &verdict);
	print_refused(offline, &verdict);
	return CMD_FAILED;
}

/* ---- a refused request ---- */

/* Why it cannot be verified again, or NULL. */
static const char *
what_is_missing(const struct offline *offline, const json_t *item)
{
	const char *kind = scheme_get(offline->scheme, "kind");

	if (kind != NULL &&
	    (strcmp(kind, "token") == 0 || strcmp(kind, "basic") == 0))
		return "what such a scheme compares is the secret itself, "
		       "which is not kept";
	if (out_number(item, "body_bytes") !=
	    (int64_t)offline->request.body_len)
		return "its body is not kept whole";
	return NULL;
}

static int
print_missing(const json_t *item, const char *why)
{
	json_t *out;

	if (!given.json) {
		printf("refused: %s: %s\n", out_member(item, "reason"), why);
		return CMD_FAILED;
	}
	out = json_pack("{s:b, s:O, s:O, s:s}", "verified", 0, "scheme",
	    json_object_get(item, "scheme"), "reason",
	    json_object_get(item, "reason"), "detail", why);
	out_json(out);
	json_decref(out);
	return CMD_FAILED;
}

static int
verify_item(const json_t *item)
{
	struct offline offline;
	int status = offline_rejected(item, &offline);
	const char *why;

	if (status != CMD_DONE)
		goto out;
	fprintf(stderr, "%s came %s, was refused: %lld %s\n",
	    out_member(item, "id"), out_member(item, "received_at"),
	    (long long)out_number(item, "status"), out_member(item, "reason"));
	why = what_is_missing(&offline, item);
	status = why != NULL ? print_missing(item, why) : verify(&offline);
out:
	offline_clear(&offline);
	return status;
}

static int
verify_rejected(void)
{
	struct call *call = call_open(worker);
	json_t *item = NULL;
	int status = CMD_FAILED;

	if (call != NULL)
		item = call_ask(call, "rejected_show",
		    json_pack("{s:s}", "id", rejected_id), NULL);
	if (item != NULL)
		status = verify_item(item);
	json_decref(item);
	call_close(call);
	return status;
}

int
cmd_verify(int argc, char **argv)
{
	struct offline offline;
	int first = options_read(&options, argc, argv);
	int status;

	if (first <= 0)
		return options_exit(first);
	if (rejected_id != NULL)
		return verify_rejected();
	status = offline_open(&options, &given, &offline);
	if (status == CMD_DONE)
		status = verify(&offline);
	offline_clear(&offline);
	return status;
}
