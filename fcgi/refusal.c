#include "refusal.h"

static const char bad_signature[] = "bad_signature";
static const char not_verified[] = "the request could not be verified";
static const char unavailable[] = "unavailable";
static const char try_later[] = "the event could not be stored; try again";

static const struct refusal_row rows[REFUSAL__MAX] = {
    [REFUSAL_NONE] = {"none", 200, "none", ""},
    [REFUSAL_MALFORMED] = {"malformed", 400, "bad_request",
	"the request is malformed"},
    [REFUSAL_LENGTH] = {"length", 400, "bad_length",
	"the body did not arrive as announced"},
    [REFUSAL_NOT_JSON] = {"not_json", 400, "not_json", "the body is no JSON"},
    [REFUSAL_HEADER_MISSING] = {"header_missing", 401, bad_signature,
	not_verified},
    [REFUSAL_HEADER_TWICE] = {"header_twice", 401, bad_signature, not_verified},
    [REFUSAL_BAD_FORMAT] = {"bad_format", 401, bad_signature, not_verified},
    [REFUSAL_BAD_ENCODING] = {"bad_encoding", 401, bad_signature, not_verified},
    [REFUSAL_WRONG_LENGTH] = {"wrong_length", 401, bad_signature, not_verified},
    [REFUSAL_MISMATCH] = {"mismatch", 401, bad_signature, not_verified},
    [REFUSAL_TOO_OLD] = {"too_old", 401, bad_signature, not_verified},
    [REFUSAL_TOO_NEW] = {"too_new", 401, bad_signature, not_verified},
    [REFUSAL_BAD_TOKEN] = {"bad_token", 401, bad_signature, not_verified},
    [REFUSAL_NO_SUCH_KEY] = {"no_such_key", 401, bad_signature, not_verified},
    [REFUSAL_BAD_CERTIFICATE] = {"bad_certificate", 401, bad_signature,
	not_verified},
    [REFUSAL_ADDRESS] = {"address", 403, "address_not_allowed",
	"this address may not send here"},
    [REFUSAL_HTTPS] = {"https", 403, "https_required", "use https"},
    [REFUSAL_KEPT] = {"secret_kept", 403, "secret_kept",
	"another secret is in use here"},
    [REFUSAL_NO_SOURCE] = {"no_source", 404, "no_such_source",
	"nothing is received here"},
    [REFUSAL_METHOD] = {"method", 405, "method_not_allowed",
	"this method is not allowed here"},
    [REFUSAL_REPLAYED_BODY] = {"replayed_body", 409, "replayed_body",
	"this body was received before, under another id"},
    [REFUSAL_TOO_LARGE] = {"too_large", 413, "too_large",
	"the body is too large"},
    [REFUSAL_CONTENT_TYPE] = {"content_type", 415, "content_type",
	"this content type is not accepted here"},
    [REFUSAL_NO_MEMORY] = {"no_memory", 503, unavailable, try_later},
    [REFUSAL_PARKED] = {"parked", 503, unavailable, try_later},
    [REFUSAL_NO_KEYS] = {"no_keys", 503, unavailable, try_later},
    [REFUSAL_NO_WORKER] = {"no_worker", 503, unavailable, try_later},
    [REFUSAL_NO_ANSWER] = {"no_answer", 503, unavailable, try_later},
};

static const enum refusal of_scheme[SCHEME__MAX] = {
    [SCHEME_OK] = REFUSAL_NONE,
    [SCHEME_HEADER_MISSING] = REFUSAL_HEADER_MISSING,
    [SCHEME_HEADER_TWICE] = REFUSAL_HEADER_TWICE,
    [SCHEME_BAD_FORMAT] = REFUSAL_BAD_FORMAT,
    [SCHEME_BAD_ENCODING] = REFUSAL_BAD_ENCODING,
    [SCHEME_WRONG_LENGTH] = REFUSAL_WRONG_LENGTH,
    [SCHEME_MISMATCH] = REFUSAL_MISMATCH,
    [SCHEME_TOO_OLD] = REFUSAL_TOO_OLD,
    [SCHEME_TOO_NEW] = REFUSAL_TOO_NEW,
    [SCHEME_BAD_TOKEN] = REFUSAL_BAD_TOKEN,
    [SCHEME_NO_SUCH_KEY] = REFUSAL_NO_SUCH_KEY,
    [SCHEME_BAD_CERTIFICATE] = REFUSAL_BAD_CERTIFICATE,
    [SCHEME_NO_KEY_YET] = REFUSAL_NO_KEYS,
    [SCHEME_ERROR] = REFUSAL_NO_MEMORY,
};

/* RFC 9110 15. */
static const struct {
	int status;
	const char *title;
} titles[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {503, "Service Unavailable"},
};

const struct refusal_row *
refusal_row(enum refusal refusal)
{
	return &rows[refusal];
}

enum refusal
refusal_of_scheme(enum scheme_result result)
{
	return of_scheme[result];
}

const char *
refusal_title(int status)
{
	for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
		if (titles[i].status == status)
			return titles[i].title;
	}
	return "Answer";
}
