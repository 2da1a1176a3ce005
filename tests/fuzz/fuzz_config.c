/* gaff.conf's grammar: what does not load says why. */

#include <stdio.h>
#include <unistd.h>

#include "../../shared/config.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/tmp/gaff-fuzz-XXXXXX";
	struct buf errors = {0}, warnings = {0};
	struct config *config;
	int fd = mkstemp(path);

	FUZZ_MUST(fd != -1 && write(fd, data, size) == (ssize_t)size);
	(void)close(fd);
	config = config_load(path, CONFIG_ROLE_NONE, &errors, &warnings);
	(void)unlink(path);
	FUZZ_MUST(config != NULL || errors.len > 0);
	config_unref(config);
	buf_clear(&errors);
	buf_clear(&warnings);
	return 0;
}
