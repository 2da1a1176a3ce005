/* Feeds the kept inputs to a fuzzer built without libFuzzer. */

#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fuzz.h"

static void
replay(const char *path)
{
	FILE *file = fopen(path, "re");
	uint8_t *data = malloc(1 << 20);
	size_t size;

	assert_non_null(file);
	assert_non_null(data);
	size = fread(data, 1, 1 << 20, file);
	/* no more room than it needs: a step too far is seen */
	data = realloc(data, size > 0 ? size : 1);
	assert_non_null(data);
	(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
	(void)fclose(file);
}

static void
test_seeds(void **state)
{
	char pattern[256];
	glob_t found;

	(void)state;
	(void)snprintf(pattern, sizeof(pattern), "tests/fuzz/seeds/%s/*",
	    program_invocation_short_name);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		replay(found.gl_pathv[i]);
	globfree(&found);
	(void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_seeds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
