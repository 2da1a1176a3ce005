/* Keys that come from the network: where from, and what is made of them. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheme_jwt.h"
#include "scheme_x509.h"

static const char https[] = "https://";

/* ---- URLs ---- */

static bool
is_host_char(char c)
{
	return islower((unsigned char)c) || isdigit((unsigned char)c) ||
	       c == '-';
}

/* No percent, query, fragment: nothing that two readers read differently. */
static bool
is_path_char(char c)
{
	return isalnum((unsigned char)c) || (c != '\0' && strchr("-_~", c));
}

/* Labels of a host name, and a port; up to the `/`.  NULL: it is none. */
static const char *
skip_host(const char *p)
{
	bool begins = true;

	for (; is_host_char(*p) || *p == '.'; p++) {
		if (*p == '.' && begins)
			return NULL;
		begins = *p == '.';
	}
	if (begins)
		return NULL;
	if (*p == ':') {
		const char *port = ++p;

		p += strspn(p, "0123456789");
		if (p == port || p - port > 5)
			return NULL;
	}
	return *p == '/' ? p : NULL;
}

const char *
scheme_url_path(const char *url)
{
	if (strncmp(url, https, strlen(https)) != 0)
		return NULL;
	return skip_host(url + strlen(https));
}

bool
scheme_is_url(const char *url)
{
	const char *p = scheme_url_path(url);

	if (!p || strlen(url) > SCHEME_URL_MAX)
		return false;
	for (; *p != '\0'; p++) {
		/* a segment of dots is a step back; .well-known is none */
		if (*p == '/'
			? p[1] == '/' ||
			      (p[1] == '.' && !isalpha((unsigned char)p[2]))
			: !is_path_char(*p) && *p != '.')
			return false;
	}
	return true;
}

/* Whether `*` may stand for this character: no other label of the host, no
 * other segment of the path. */
static bool
is_within(char c, bool in_path)
{
	return in_path ? is_path_char(c) || c == '.' : is_host_char(c);
}

/* All of `p`.  When it goes wrong the last star takes one more: an earlier one
 * could not do better, for none crosses what ends a label or segment. */
static bool
matches(const char *pattern, const char *p)
{
	const char *star = NULL, *taken = NULL;
	bool in_path = false, star_in_path = false;

	for (;;) {
		if (*pattern == '*') {
			star = ++pattern;
			taken = p;
			star_in_path = in_path;
		} else if (*pattern == *p) {
			if (*p == '\0')
				return true;
			in_path = in_path || *p == '/';
			pattern++;
			p++;
		} else if (star && is_within(*taken, star_in_path)) {
			pattern = star;
			p = ++taken;
			in_path = star_in_path;
		} else {
			return false;
		}
	}
}

bool
scheme_from_matches(const char *pattern, const char *url)
{
	return scheme_is_url(url) && matches(pattern, url + strlen(https));
}

/* ---- what schemes say ---- */

bool
scheme_rules_fetch(const struct scheme_rules *rules)
{
	return rules->keys_url || rules->n_keys_from > 0;
}

/* The n-th of a scheme and those it is linked with: itself first. */
static const struct scheme_rules *
rules_of(const struct scheme *scheme, size_t n)
{
	if (n == 0)
		return scheme->rules;
	return n <= scheme->n_others ? scheme->others[n - 1]->rules : NULL;
}

bool
scheme_fetches(const struct scheme *scheme)
{
	const struct scheme_rules *rules;

	for (size_t n = 0; (rules = rules_of(scheme, n)); n++)
		if (scheme_rules_fetch(rules))
			return true;
	return false;
}

bool
scheme_fetches_always(const struct scheme *scheme)
{
	const struct scheme_rules *rules;

	for (size_t n = 0; (rules = rules_of(scheme, n)); n++)
		if (rules->certificate_chain && rules->has_keys_at)
			return true;
	return false;
}

const char *
scheme_keys_url(const struct scheme *scheme, size_t i)
{
	const struct scheme_rules *rules;

	for (size_t n = 0; (rules = rules_of(scheme, n)); n++)
		if (rules->keys_url && i-- == 0)
			return rules->keys_url;
	return NULL;
}

const char *
scheme_keys_from(const struct scheme *scheme, size_t i)
{
	const struct scheme_rules *rules;

	for (size_t n = 0; (rules = rules_of(scheme, n)); n++) {
		if (i < rules->n_keys_from)
			return rules->keys_from[i];
		i -= rules->n_keys_from;
	}
	return NULL;
}

static bool
allows(const struct scheme_rules *rules, const char *url)
{
	if (rules->keys_url && strcmp(rules->keys_url, url) == 0)
		return true;
	for (size_t i = 0; i < rules->n_keys_from; i++)
		if (scheme_from_matches(rules->keys_from[i], url))
			return true;
	return false;
}

bool
scheme_url_allowed(const struct scheme *scheme, const char *url)
{
	const struct scheme_rules *rules;

	for (size_t n = 0; (rules = rules_of(scheme, n)); n++)
		if (allows(rules, url))
			return true;
	return false;
}

/* ---- what came ---- */

struct scheme_fetched *
scheme_fetched_new(const void *bytes, size_t len, char error[SCHEME_ERROR_SIZE])
{
	static const char certificate[] = "-----BEGIN CERTIFICATE-----";
	struct scheme_fetched *fetched = calloc(1, sizeof(*fetched));

	if (fetched)
		fetched->key.p = malloc(len + 1);
	if (!fetched || !fetched->key.p) {
		free(fetched);
		(void)snprintf(error, SCHEME_ERROR_SIZE, "no memory");
		return NULL;
	}
	atomic_init(&fetched->refs, 1);
	memcpy(fetched->key.p, bytes, len);
	fetched->key.p[len] = '\0';
	fetched->key.len = len;
	if (memmem(bytes, len, certificate, strlen(certificate)))
		fetched->key.chain = scheme_x509_read(bytes, len);
	else if (scheme_jwt_public(&fetched->key) == 0)
		return fetched;
	if (fetched->key.chain)
		return fetched;
	(void)snprintf(error, SCHEME_ERROR_SIZE,
	    "no JWK set with a key in it, no public key or certificate in PEM");
	scheme_fetched_unref(fetched);
	return NULL;
}

struct scheme_fetched *
scheme_fetched_ref(struct scheme_fetched *fetched)
{
	(void)atomic_fetch_add(&fetched->refs, 1);
	return fetched;
}

void
scheme_fetched_unref(struct scheme_fetched *fetched)
{
	if (!fetched || atomic_fetch_sub(&fetched->refs, 1) > 1)
		return;
	scheme_jwt_clear(&fetched->key);
	scheme_x509_clear(&fetched->key);
	free(fetched->key.p);
	free(fetched);
}

/* ---- verifying ---- */

enum scheme_result
scheme_check_fetched(struct scheme_proof *proof, const char *url,
    scheme_check_fn *check, const struct scheme_signature *signature)
{
	static const struct scheme_key none;
	const struct scheme_request *request = proof->look.request;
	struct scheme_fetched *has = NULL, *newer = NULL;
	enum scheme_result result;

	if (!url || !allows(proof->rules, url))
		return SCHEME_BAD_FORMAT;
	if (request->fetch)
		has = request->fetch(request->fetch_arg, url, false);
	/* even without any: what is wrong otherwise needs no fetching */
	result = check(proof, has ? &has->key : &none, signature);
	if (result == SCHEME_NO_SUCH_KEY && request->fetch)
		newer = request->fetch(request->fetch_arg, url, true);
	if (result == SCHEME_NO_SUCH_KEY && !newer)
		result = SCHEME_NO_KEY_YET;
	else if (result == SCHEME_NO_SUCH_KEY && newer != has)
		result = check(proof, &newer->key, signature);
	scheme_fetched_unref(has);
	scheme_fetched_unref(newer);
	return result;
}
