/* form_get() against a plain reading of the same text, and form_sorted(). */

#include "../../shared/form.h"
#include "fuzz.h"

static int
digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode in place; the length, or -1. */
static long
decode(uint8_t *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (p[i] == '%') {
			if (i + 2 >= len || digit(p[i + 1]) < 0 ||
			    digit(p[i + 2]) < 0)
				return -1;
			p[n++] =
			    (uint8_t)(digit(p[i + 1]) * 16 + digit(p[i + 2]));
			i += 2;
		} else {
			p[n++] = p[i] == '+' ? ' ' : p[i];
		}
	}
	return (long)n;
}

/* How many pairs are named "a". */
static unsigned
count(const uint8_t *data, size_t size)
{
	unsigned found = 0;

	for (size_t i = 0; i <= size;) {
		const uint8_t *end = memchr(data + i, '&', size - i);
		size_t len = end ? (size_t)(end - data) - i : size - i;
		char *pair = fuzz_text(data + i, len);
		uint8_t *p = (uint8_t *)pair, *equals = memchr(p, '=', len);
		size_t name = equals ? (size_t)(equals - p) : len;
		long value = equals ? decode(equals + 1, len - name - 1) : 0;

		if (decode(p, name) == 1 && p[0] == 'a' && value >= 0)
			found++;
		free(pair);
		i += len + 1;
	}
	return found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct buf value = {0}, sorted = {0};
	enum form_result result = form_get(text, size, "a", &value);
	unsigned n = count((const uint8_t *)text, size);

	FUZZ_MUST(result == (n == 0      ? FORM_MISSING
				: n == 1 ? FORM_FOUND
					 : FORM_TWICE));
	if (form_sorted(text, size, &sorted) == 0)
		FUZZ_MUST(sorted.len <= size);
	buf_clear(&value);
	buf_clear(&sorted);
	free(text);
	return 0;
}
