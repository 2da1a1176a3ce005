/* A time that is understood is written and understood again as the same. */

#include "../../shared/clock.h"
#include "fuzz.h"

#define YEAR_0_MS     INT64_C(-62167219200000)
#define YEAR_10000_MS INT64_C(253402300800000)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), again[CLOCK_TEXT_SIZE];
	int64_t wall_ms, back_ms = -1;

	/* an offset may lead out of the years that can be written */
	if (clock_parse(text, &wall_ms) == 0 && wall_ms >= YEAR_0_MS &&
	    wall_ms < YEAR_10000_MS) {
		clock_format(wall_ms, again);
		FUZZ_MUST(clock_parse(again, &back_ms) == 0);
		FUZZ_MUST(back_ms == wall_ms);
	}
	free(text);
	return 0;
}
