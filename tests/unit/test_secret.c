#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/secret.h"
#include "support.h"

static char error[SECRET_ERROR_SIZE];

static void
expect(const char *text, const char *dir, const char *value, size_t len)
{
	struct secret secret;

	if (secret_read(text, dir, 1, &secret, error) != 0)
		fail_msg("<%s>: %s", text, error);
	assert_int_equal(secret.len, len);
	assert_memory_equal(secret.p, value, len);
	assert_int_equal(secret.p[len], '\0');
	secret_clear(&secret);
	assert_null(secret.p);
	secret_clear(&secret);
}

/* Refused with `why` in the sentence, and nothing handed out. */
static void
refuse(const char *text, const char *dir, const char *why)
{
	struct secret secret = {NULL, 4711};

	error[0] = '\0';
	if (secret_read(text, dir, 1, &secret, error) != -1)
		fail_msg("<%s> was taken", text);
	support_contains(error, why);
	assert_null(secret.p);
	assert_int_equal(secret.len, 4711);
}

static void
test_bare(void **state)
{
	struct secret secret;

	(void)state;
	expect("whsec_12345678", NULL, "whsec_12345678", 14);
	expect("12345678", NULL, "12345678", 8);
	refuse("1234567", NULL, "under 8 bytes");
	refuse("", NULL, "empty");
	assert_null(strstr(error, "1234567"));

	assert_int_equal(secret_read("", NULL, 0, &secret, error), 0);
	assert_int_equal(secret.len, 0);
	secret_clear(&secret);
	assert_int_equal(secret_read("short", NULL, 0, &secret, error), 0);
	assert_int_equal(secret.len, 5);
	secret_clear(&secret);
}

static void
test_base64(void **state)
{
	(void)state;
	expect("base64:MTIzNDU2Nzg=", NULL, "12345678", 8);
	expect("base64:AAECAwQFBgcI", NULL, "\0\1\2\3\4\5\6\7\10", 9);
	expect("base64:/+8AAAAAAAA=", NULL, "\377\357\0\0\0\0\0\0", 8);
	refuse("base64:MTIzNDU2Nzg", NULL, "not base64");
	refuse("base64:MTIzNDU2Nz==", NULL, "under 8");
	refuse("base64:MTIzNDU2====", NULL, "not base64");
	refuse("base64:MTIz=DU2Nzg=", NULL, "not base64");
	refuse("base64:MTIzNDU2Nz-_", NULL, "not base64");
	refuse("base64: MTIzNDU2Nzg=", NULL, "not base64");
	refuse("base64:", NULL, "empty");
}

static void
test_env(void **state)
{
	(void)state;
	assert_int_equal(setenv("GAFF_TEST_SECRET", "from the env", 1), 0);
	expect("env:GAFF_TEST_SECRET", NULL, "from the env", 12);
	assert_int_equal(setenv("GAFF_TEST_SECRET", "", 1), 0);
	refuse("env:GAFF_TEST_SECRET", NULL, "empty");
	assert_int_equal(unsetenv("GAFF_TEST_SECRET"), 0);
	refuse("env:GAFF_TEST_SECRET", NULL, "GAFF_TEST_SECRET is not set");
	refuse("env:", NULL, "not set");
}

static void
write_secret(const char *dir, const char *text, unsigned mode)
{
	char *path = support_path(dir, "s");

	support_write(path, text, strlen(text), mode);
	free(path);
}

static void
test_file(void **state)
{
	char *dir = support_dir();
	char *path = support_path(dir, "s");
	char *named = support_path("file:", path + 1);

	(void)state;
	write_secret(dir, "12345678", 0600);
	expect("file:s", dir, "12345678", 8);
	expect(named, "/nowhere", "12345678", 8);
	write_secret(dir, "12345678\n", 0640);
	expect("file:s", dir, "12345678", 8);
	write_secret(dir, "12345678\r\n", 0400);
	expect("file:s", dir, "12345678", 8);
	(void)unlink(path);
	write_secret(dir, "12345678\n\n", 0600);
	expect("file:s", dir, "12345678\n", 9);
	write_secret(dir, " 12345678 \r", 0600);
	expect("file:s", dir, " 12345678 \r", 11);
	write_secret(dir, "\n", 0600);
	refuse("file:s", dir, "empty");
	write_secret(dir, "", 0600);
	refuse("file:s", dir, "empty");
	free(named);
	free(path);
	support_dir_remove(dir);
}

static void
test_file_rights(void **state)
{
	char *dir = support_dir();
	char *path = support_path(dir, "s");

	(void)state;
	for (unsigned bit = 01; bit <= 04; bit <<= 1) {
		write_secret(dir, "12345678", 0600 | bit);
		refuse("file:s", dir, "open to others");
	}
	support_contains(error, "mode 0604");
	support_contains(error, path);
	assert_null(strstr(error, "12345678"));
	/* only root can give files away */
	if (geteuid() == 0) {
		write_secret(dir, "12345678", 0600);
		assert_int_equal(chown(path, 4711, 0), 0);
		refuse("file:s", dir, "belongs to uid 4711");
	}
	free(path);
	support_dir_remove(dir);
}

static void
test_file_kinds(void **state)
{
	char *dir = support_dir();
	char *path = support_path(dir, "s");
	char *link = support_path(dir, "l");
	char *fifo = support_path(dir, "f");
	char *big = calloc(1, 65537);

	(void)state;
	assert_non_null(big);
	refuse("file:s", dir, "No such file");
	refuse("file:", dir, "without a path");
	refuse("file:.", dir, "not a regular file");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	refuse("file:f", dir, "not a regular file");
	refuse("file:/dev/null", dir, "not a regular file");
	support_write(path, big, 65537, 0600);
	refuse("file:s", dir, "larger than 65536");
	support_write(path, big, 65536, 0600);
	expect("file:s", dir, big, 65536);

	/* a link is fine: what counts is the file it leads to */
	assert_int_equal(symlink("s", link), 0);
	expect("file:l", dir, big, 65536);
	assert_int_equal(chmod(path, 0644), 0);
	refuse("file:l", dir, "open to others");
	free(big);
	free(fifo);
	free(link);
	free(path);
	support_dir_remove(dir);
}

static void
test_credential(void **state)
{
	char *dir = support_dir();

	(void)state;
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	refuse("credential:s", "/etc", "LoadCredential=");
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
	write_secret(dir, "12345678\n", 0400);
	expect("credential:s", "/etc", "12345678", 8);
	refuse("credential:", "/etc", "plain name");
	refuse("credential:..", "/etc", "plain name");
	refuse("credential:../s", "/etc", "plain name");
	refuse("credential:/etc/passwd", "/etc", "plain name");
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	support_dir_remove(dir);
}

static void
test_without_memory(void **state)
{
	static const char *const texts[] = {
	    "12345678", "base64:MTIzNDU2Nzg=", "env:HOME", "file:s"};
	char *dir = support_dir();

	(void)state;
	write_secret(dir, "12345678", 0600);
	assert_int_equal(setenv("HOME", "/home/nobody", 1), 0);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		support_fail_alloc(1);
		refuse(texts[i], dir, "no memory");
		support_fail_alloc(0);
	}
	support_dir_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bare),
	    cmocka_unit_test(test_base64),
	    cmocka_unit_test(test_env),
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_file_rights),
	    cmocka_unit_test(test_file_kinds),
	    cmocka_unit_test(test_credential),
	    cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
