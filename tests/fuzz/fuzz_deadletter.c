/* A dead letter that can be read has an object for a head; else there is a
 * sentence. */

#include <unistd.h>

#include "../../shared/deadletter.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/tmp/gaff-fuzz-XXXXXX", error[256] = "";
	json_t *head = NULL;
	void *body = NULL;
	size_t body_len = 0;
	int fd = mkstemp(path);

	FUZZ_MUST(fd != -1 && write(fd, data, size) == (ssize_t)size);
	(void)close(fd);
	if (deadletter_read(path, &head, &body, &body_len, error) == 0) {
		FUZZ_MUST(json_is_object(head) && body_len < size);
		json_decref(head);
		free(body);
	} else {
		FUZZ_MUST(error[0] != '\0');
	}
	(void)unlink(path);
	return 0;
}
