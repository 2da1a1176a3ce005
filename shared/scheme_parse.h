/*
 * scheme_parse - from a key's text to its compiled form
 *
 * Used by scheme_compile.c only.  Every parser returns 0, or -1 with a
 * sentence written by scheme_fault().
 */

#ifndef SHARED_SCHEME_PARSE_H
#define SHARED_SCHEME_PARSE_H

#include "scheme_impl.h"

/* One compilation. */
struct scheme_parse {
	struct scheme_rules *rules;
	const char *key; /* whose value is being read */
	char *error;     /* SCHEME_ERROR_SIZE bytes */
};

/* Write "KEY: …" to the error.  Always -1. */
int scheme_fault(struct scheme_parse *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Memory and text that live as long as the rules; NULL with the fault told. */
void *scheme_alloc(struct scheme_parse *p, size_t size);
const char *scheme_copy(struct scheme_parse *p, const char *text, size_t len);

/* The number of a word in a NULL-terminated list, or -1 with a fault that
 * lists them. */
int scheme_parse_word(
    struct scheme_parse *p, const char *const *words, const char *value);

/* The next word of *text, which is moved behind it; NULL at the end. */
const char *scheme_next_word(const char **text, size_t *len);

/* "header:NAME", "query:NAME", "form:NAME", "json:/POINTER", "signature:KEY".
 */
int scheme_parse_place(struct scheme_parse *p, const char *text, size_t len,
    struct scheme_place *place);

/* Places separated by blanks; a `?` behind one makes it optional. */
int scheme_parse_joined(
    struct scheme_parse *p, const char *text, struct scheme_joined *joined);

/* "PLACE" or "PLACE=VALUE". */
int scheme_parse_condition(struct scheme_parse *p, const char *text, size_t len,
    struct scheme_condition *condition);

const struct scheme_template *
scheme_parse_template(struct scheme_parse *p, const char *text);

/* "[signed|unsigned] [METHOD] CONDITION… -> STATUS [header:NAME=TEMPLATE]…
 * [TYPE [TEMPLATE]]" */
int scheme_parse_handshake(struct scheme_parse *p, const char *text,
    struct scheme_handshake *handshake);

/* The keys of the kinds jwt and message (scheme_compile_jwt.c). */
int scheme_parse_algorithms(struct scheme_parse *p, const char *value);
int scheme_parse_syntax(struct scheme_parse *p, const char *value);
int scheme_parse_covered(struct scheme_parse *p, const char *value);
int scheme_parse_tag(struct scheme_parse *p, const char *value);
int scheme_parse_claim(struct scheme_parse *p, const char *value);
int scheme_parse_max_age(struct scheme_parse *p, const char *value);
int scheme_parse_payload(struct scheme_parse *p, const char *value);

/* What confirms an event (scheme_confirm.c). */
int scheme_parse_confirm(struct scheme_parse *p, const char *value);
int scheme_parse_confirm_at(struct scheme_parse *p, const char *value);

/* Where keys come from (scheme_compile_jwt.c). */
int scheme_parse_keys_url(struct scheme_parse *p, const char *value);
int scheme_parse_keys_from(struct scheme_parse *p, const char *value);

/* What is asked of certificates, and where their URL stands (scheme_x509.c). */
int scheme_parse_keys_at(struct scheme_parse *p, const char *value);
int scheme_parse_certificate_chain(struct scheme_parse *p, const char *value);
int scheme_parse_certificate_name(struct scheme_parse *p, const char *value);
int scheme_parse_certificate_oid(struct scheme_parse *p, const char *value);

/* The character a word stands for (comma, equals …), or -1 with a fault. */
int scheme_parse_separator(struct scheme_parse *p, const char *value);

/* The words of scheme_hash, scheme_kind …, in the order of their enums. */
extern const char *const scheme_hash_words[];
extern const char *const scheme_kind_words[];

#endif
