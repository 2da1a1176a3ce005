/* The beginning of a FastCGI connection: what is bad stays bad however much
 * follows. */

#include "../../fcgi/records.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum records_result before = RECORDS_SHORT, now;

	for (size_t len = 0; len <= size && len <= RECORDS_PEEK; len++) {
		unsigned char *part = malloc(len > 0 ? len : 1);

		FUZZ_MUST(part != NULL);
		if (len > 0)
			memcpy(part, data, len);
		now = records_check(part, len);
		FUZZ_MUST(before != RECORDS_BAD || now == RECORDS_BAD);
		FUZZ_MUST(now != RECORDS_OK || len >= RECORDS_FIRST);
		before = now;
		free(part);
	}
	return 0;
}
