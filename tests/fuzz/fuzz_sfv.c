/*
 * Structured fields: the first byte picks the type of the field.  What is
 * parsed is written, and that is parsed and written again as the same.
 */

#include "../../shared/sfv.h"
#include "fuzz.h"

typedef int parse_fn(const char *text, size_t len, struct sfv *out);

static void
write_all(const struct sfv *field, struct buf *out)
{
	const struct sfv_node *node = sfv_first(field);
	size_t n = 0;

	for (; node; node = sfv_next(field, node)) {
		FUZZ_MUST(++n < SFV_NODES_MAX);
		if (node->key) {
			(void)buf_add(out, node->key, node->key_len);
			(void)buf_add_char(out, '=');
			FUZZ_MUST(sfv_member(field, node->key, node->key_len) ==
				  node);
		}
		FUZZ_MUST(sfv_write(field, node, out) == 0);
		if (sfv_next(field, node))
			(void)buf_add_str(out, ", ");
	}
}

/* Texts and bytes of all nodes can be had, or are refused. */
static void
read_all(const struct sfv *field)
{
	for (size_t i = 1; i < field->n; i++) {
		struct buf out = {0};

		(void)sfv_text(&field->v[i], &out);
		(void)sfv_bytes(&field->v[i], &out);
		buf_clear(&out);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static parse_fn *const parsers[] = {sfv_item, sfv_list, sfv_dictionary};
	struct buf once = {0}, twice = {0};
	struct sfv field, again;
	parse_fn *parse;

	if (size == 0)
		return 0;
	parse = parsers[*data % 3];
	if (parse((const char *)data + 1, size - 1, &field) == 0) {
		FUZZ_MUST(field.n <= SFV_NODES_MAX);
		read_all(&field);
		write_all(&field, &once);
		FUZZ_MUST(buf_str(&once) != NULL);
		FUZZ_MUST(parse(once.p, once.len, &again) == 0);
		write_all(&again, &twice);
		FUZZ_MUST(strcmp(buf_str(&twice), once.p) == 0);
	}
	buf_clear(&once);
	buf_clear(&twice);
	return 0;
}
