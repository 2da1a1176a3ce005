/* What gaff-run takes is what the worker would have written. */

#include "../../worker/run_request.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = fuzz_text(data, size), *again = malloc(size + 1);
	struct store_delivery delivery = {0};
	struct event event = {0};

	FUZZ_MUST(again != NULL);
	if (run_request_read(bytes, size, &delivery, &event) == RUN_GOOD) {
		delivery.event = &event;
		FUZZ_MUST(event.source[0] != '\0');
		FUZZ_MUST(run_request_write(&delivery, again, size) == size);
		FUZZ_MUST(memcmp(again, data, size) == 0);
	}
	free(again);
	free(bytes);
	return 0;
}
