/* trust: what nobody but root can change. */

#include <sys/stat.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/trust.h"
#include "support.h"

static void
expect(const char *path, const char *reason)
{
	char error[TRUST_ERROR_SIZE] = "";
	int result = trust_path(path, error);

	assert_int_equal(result, reason != NULL ? -1 : 0);
	if (reason != NULL)
		support_contains(error, reason);
}

static void
test_root_s(void **state)
{
	(void)state;
	expect("/", NULL);
	expect("/etc/passwd", NULL);
	expect("//etc/./../etc//passwd", NULL);
	expect("/tmp", NULL);
	/* Links that are root's are followed: /bin may be one. */
	expect("/bin/sh", NULL);
	expect("etc/passwd", "not an absolute path");
	expect("", "not an absolute path");
	expect("/etc/passwd/x", "Not a directory");
	expect("/nonexistent/x", "/nonexistent: No such file");
}

/* Directories of a test: root's when root runs it, else somebody's. */
static void
test_others(void **state)
{
	char *dir = support_dir(), *file = support_path(dir, "file");
	char *link = support_path(dir, "link"),
	     *loop = support_path(dir, "loop");
	bool root = geteuid() == 0;
	const char *stranger = "does not belong to root";
	const char *open = root ? "others than root may write" : stranger;

	(void)state;
	support_write(file, "x", 1, 0644);
	assert_int_equal(symlink("../../etc/passwd", link), 0);
	assert_int_equal(symlink("loop", loop), 0);
	expect(file, root ? NULL : stranger);
	expect(link, root ? NULL : stranger);
	expect(loop, root ? "too many links" : stranger);
	assert_int_equal(chmod(file, 0664), 0);
	expect(file, open);
	assert_int_equal(chmod(file, 0646), 0);
	expect(file, open);
	assert_int_equal(chmod(file, 0644), 0);
	assert_int_equal(chmod(dir, 0775), 0);
	expect(file, open);
	assert_int_equal(chmod(dir, 0755), 0);
	if (root) {
		assert_int_equal(lchown(link, 65534, 0), 0);
		assert_int_equal(chown(file, 65534, 0), 0);
	}
	expect(file, stranger);
	expect(link, stranger);
	free(file);
	free(link);
	free(loop);
	support_dir_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_root_s),
	    cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
