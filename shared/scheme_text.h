/*
 * scheme_text - the placeholders of templates that need code of their own
 *
 * {NAME} or {NAME:WORD WORD…}: the maker of that name gives a text that
 * providers sign, out of a request that is not verified yet.  What it cannot
 * make without doubt it refuses.  Everything it allocates is bounded by the
 * size of the request.  To add one: an entry in the table of scheme_text.c, a
 * line in conf/schemes.conf and gaff.conf(5).
 */

#ifndef SHARED_SCHEME_TEXT_H
#define SHARED_SCHEME_TEXT_H

#include "scheme_impl.h"
#include "scheme_parse.h"

/* What the made text covers, so that whoever changes it changes the text. */
enum scheme_covered {
	SCHEME_COVERS_BODY = 1,
	SCHEME_COVERS_QUERY = 2,
	SCHEME_COVERS_PLACES = 4,  /* those that its words name */
	SCHEME_COVERS_SECRET = 8,  /* the secret is in it */
	SCHEME_COVERS_URL = 16,    /* made from the public URL */
	SCHEME_COVERS_FORM = 32,   /* the fields of a form body */
	SCHEME_COVERS_FIELDS = 64, /* the same but for the signature's */
};

/* The words behind the colon. */
struct scheme_words {
	struct scheme_places places;
	bool free[SCHEME_PLACES_MAX];     /* PLACE*: may have the separator */
	bool optional[SCHEME_PLACES_MAX]; /* PLACE?: may be missing */
	const char *member; /* of a token's header, as a pointer */
	const char *names[SCHEME_RULES_MAX]; /* headers, in lower case */
	size_t n_names;
	char separator;
};

enum scheme_words_form {
	SCHEME_WORDS_NONE,
	SCHEME_WORDS_PLACES, /* PLACE… */
	SCHEME_WORDS_JOINED, /* SEPARATOR PLACE[*]… */
	SCHEME_WORDS_LISTED, /* PLACE HEADER… */
	SCHEME_WORDS_LINES,  /* PLACE[*][?]… */
	SCHEME_WORDS_MEMBER, /* MEMBER HEADER… */
};

typedef enum scheme_result scheme_make_fn(struct scheme_look *look,
    const struct scheme_words *words, struct buf *out);

struct scheme_maker {
	const char *name;
	enum scheme_words_form form;
	unsigned covers;
	scheme_make_fn *make;
};

/* The maker of that name, or NULL. */
const struct scheme_maker *scheme_maker(const char *name, size_t len);

/* Read a maker's words: NULL with the fault told. */
const struct scheme_words *scheme_parse_words(struct scheme_parse *p,
    const struct scheme_maker *maker, const char *text, size_t len);

/* scheme_text_hash.c */
scheme_make_fn scheme_make_sha256base64_body, scheme_make_sha256base64url_body,
    scheme_make_sha256hex_url, scheme_make_atlassian_qsh,
    scheme_make_crc32_body;
/* scheme_text_form.c */
scheme_make_fn scheme_make_php_form, scheme_make_name_lines;
/* scheme_text_jose.c */
scheme_make_fn scheme_make_jose_headers;
/* scheme_text_json.c */
scheme_make_fn scheme_make_json_body, scheme_make_canonical_json,
    scheme_make_form_json;

#endif
