/*
 * fuzz - what the fuzzers share
 *
 * Each fuzz_NAME.c is one program: with clang's libFuzzer it makes its own
 * inputs (make fuzz), with replay.c it takes those of seeds/fuzz_NAME.
 */

#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program when what must hold does not. */
#define FUZZ_MUST(condition)                                                   \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

/* The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a text: a copy with a NUL behind it, to be freed. */
static inline char *
fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	FUZZ_MUST(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

#endif
