/* gaff import: the hooks of Debian's webhook as a configuration. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "file.h"
#include "import.h"
#include "options.h"

static const char *directory;

static const struct option_spec specs[] = {
    {"secrets", OPTION_TEXT, &directory, "DIR",
	"write each secret into a file there, for its owner only"},
    {0},
};

static const struct options options = {
    .verb = "import",
    .operands = "HOOKS.JSON",
    .about = "Prints a configuration that does what these hooks of Debian's "
	     "webhook did; comments\nsay what it could not translate, and "
	     "what to do instead.  JSON only: turn YAML into\nit first.",
    .specs = specs,
    .min_operands = 1,
    .max_operands = 1,
};

/* A secret that is there already stays: it may be in use. */
static int
write_secret(int dir, const struct import_secret *secret)
{
	size_t len = strlen(secret->value);
	int fd = openat(
	    dir, secret->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int result = -1;

	if (fd != -1 && write(fd, secret->value, len) == (ssize_t)len &&
	    write(fd, "\n", 1) == 1)
		result = 0;
	if (result != 0)
		fprintf(stderr, "gaff import: %s/%s: %s\n", directory,
		    secret->name, strerror(errno));
	if (fd != -1)
		close(fd);
	return result;
}

static int
write_secrets(const struct import *import)
{
	int result = 0, dir = -1;

	if (mkdir(directory, 0700) == 0 || errno == EEXIST)
		dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1) {
		fprintf(stderr, "gaff import: %s: %s\n", directory,
		    strerror(errno));
		return -1;
	}
	for (size_t i = 0; i < import->n_secrets && result == 0; i++)
		result = write_secret(dir, &import->secrets[i]);
	close(dir);
	return result;
}

static json_t *
read_hooks(const char *path)
{
	struct buf text = {0};
	json_error_t error;
	json_t *hooks = NULL;

	if (file_read(path, &text) != 0)
		goto out;
	hooks = json_loadb(text.p != NULL ? text.p : "", text.len,
	    JSON_REJECT_DUPLICATES, &error);
	if (hooks == NULL)
		fprintf(stderr,
		    "gaff import: %s:%d: %s (JSON is read, no YAML and no "
		    "template)\n",
		    path, error.line, error.text);
	else if (!json_is_array(hooks))
		fprintf(stderr, "gaff import: %s: hooks are an array\n", path);
	if (json_is_array(hooks))
		goto out;
	json_decref(hooks);
	hooks = NULL;
out:
	buf_clear(&text);
	return hooks;
}

static void
print_summary(const struct import *import)
{
	fprintf(stderr, "%zu hooks, %zu wait for you; ", import->n_hooks,
	    import->n_open);
	if (import->n_secrets == 0)
		fputs("no secrets\n", stderr);
	else if (directory != NULL)
		fprintf(stderr, "%zu secrets are in %s\n", import->n_secrets,
		    directory);
	else
		fprintf(stderr,
		    "%zu secrets were left out (--secrets DIR writes them)\n",
		    import->n_secrets);
}

int
cmd_import(int argc, char **argv)
{
	int first = options_read(&options, argc, argv), status = CMD_FAILED;
	char error[IMPORT_ERROR_SIZE];
	struct import import = {0};
	json_t *hooks;

	if (first <= 0)
		return options_exit(first);
	hooks = read_hooks(argv[first]);
	if (hooks == NULL)
		return CMD_FAILED;
	if (import_hooks(hooks, directory != NULL ? directory : "secrets",
		&import, error) != 0) {
		fprintf(stderr, "gaff import: %s: %s\n", argv[first], error);
	} else if (directory == NULL || write_secrets(&import) == 0) {
		fwrite(import.text.p, 1, import.text.len, stdout);
		print_summary(&import);
		status = CMD_DONE;
	}
	import_clear(&import);
	json_decref(hooks);
	return status;
}
