/* Texts out of the fields of a form, and out of named values. */

#include <string.h>

#include "form.h"
#include "scheme_text.h"

/* The field of the form that has the signature, or "". */
static const char *
signature_field(const struct scheme_rules *rules)
{
	for (size_t i = 0; i < rules->signature.n; i++)
		if (rules->signature.v[i].kind == SCHEME_PLACE_FORM)
			return rules->signature.v[i].name;
	return "";
}

enum scheme_result
scheme_make_php_form(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	(void)words;
	return form_php(look->request->body, look->request->body_len,
		   signature_field(look->rules), out)
		   ? SCHEME_BAD_FORMAT
		   : SCHEME_OK;
}

/* What a place is called: the last name of a pointer. */
static const char *
label(const struct scheme_place *place)
{
	const char *slash =
	    place->kind == SCHEME_PLACE_JSON ? strrchr(place->name, '/') : NULL;

	return slash ? slash + 1 : place->name;
}

/* A newline within a value would leave open where the value ends. */
enum scheme_result
scheme_make_name_lines(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	for (size_t i = 0; i < words->places.n; i++) {
		const struct scheme_place *place = &words->places.v[i];
		struct scheme_text text = {0};
		enum scheme_result result = scheme_look_at(look, place, &text);

		if (result == SCHEME_HEADER_MISSING && words->optional[i]) {
			scheme_text_clear(&text);
			result = scheme_look_absent(look, place);
			if (result == SCHEME_OK)
				continue;
		}
		if (result == SCHEME_OK && !words->free[i] &&
		    memchr(text.p, '\n', text.len))
			result = SCHEME_BAD_FORMAT;
		if (result == SCHEME_OK) {
			(void)buf_printf(out, "%s\n", label(place));
			(void)buf_add(out, text.p, text.len);
			(void)buf_add_char(out, '\n');
		}
		scheme_text_clear(&text);
		if (result != SCHEME_OK)
			return result;
	}
	return SCHEME_OK;
}
