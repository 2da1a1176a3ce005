#include "file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 65536, FILE_MAX = 1 << 30 };

int
file_read(const char *path, struct buf *out)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	const char *error = NULL;
	size_t n;

	if (file == NULL) {
		fprintf(stderr, "gaff: %s: %s\n", path, strerror(errno));
		return -1;
	}
	while (error == NULL) {
		if (out->len > FILE_MAX || buf_reserve(out, CHUNK) != 0) {
			error = "too large";
			break;
		}
		n = fread(out->p + out->len, 1, CHUNK, file);
		out->len += n;
		if (n < CHUNK)
			break;
	}
	if (error == NULL && ferror(file))
		error = strerror(errno);
	if (!is_stdin)
		fclose(file);
	if (error == NULL)
		return 0;
	fprintf(stderr, "gaff: %s: %s\n", path, error);
	return -1;
}
