#include "graves.h"

#include <sys/stat.h>

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "support.h"

struct event
graves_event(void)
{
	struct event event = {
	    .id = {1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, 16},
	    .received_at_ms = 1795318480123,
	    .source = "github",
	    .key = "../../x\"\n",
	    .type = "push",
	    .remote = "192.0.2.1",
	    .method = "POST",
	    .path = "/hooks/github",
	    .query = "a=-",
	    .content_type = "text/plain",
	    .headers = "{\"x-a\": \"1\",\n\"x-b\": \"2\"}",
	    .scheme = "github",
	    .body = GRAVES_BODY,
	    .body_len = GRAVES_BODY_LEN};

	assert_int_equal(EVP_Digest(GRAVES_BODY, GRAVES_BODY_LEN, event.sha256,
			     NULL, EVP_sha256(), NULL),
	    1);
	return event;
}

struct deadletter
graves_letter(const struct event *event)
{
	return (struct deadletter){.event = event,
	    .route = "deploy",
	    .replay = 2,
	    .worker = "local",
	    .reason = "expired",
	    .attempts = "[{\"at\":\"2026-11-22T03:00:00.000Z\",\"ms\":3,"
			"\"outcome\":\"exit:1\",\"detail\":\"no\"}]",
	    .deliver = "/bin/false",
	    .died_at_ms = 1795318490000};
}

void
graves_touch(const char *dir, const char *day, const char *file)
{
	char *folder = support_path(dir, day), *path;

	if (mkdir(folder, 0750) != 0)
		assert_int_equal(errno, EEXIST);
	path = support_path(folder, file);
	support_write(path, "x", 1, 0640);
	free(path);
	free(folder);
}

static unsigned files;

static int
count_file(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	files += kind == FTW_F && strcmp(path + ftw->base, ".lock") != 0;
	return 0;
}

unsigned
graves_count(const char *dir, const char *sub)
{
	char *path = support_path(dir, sub);

	files = 0;
	(void)nftw(path, count_file, 16, FTW_PHYS);
	free(path);
	return files;
}
