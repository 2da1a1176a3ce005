/* gaff dev: all of gaff on a developer's machine, for as long as it runs. */

#include <sys/signalfd.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "../shared/codec.h"
#include "../shared/secret.h"
#include "call.h"
#include "cmd.h"
#include "dev.h"
#include "dev_child.h"
#include "dev_line.h"
#include "loopback.h"
#include "newsecret.h"
#include "offline.h"
#include "options.h"
#include "out.h"
#include "pretty.h"

enum { DEFAULT_PORT = 9460, N_CHILDREN = 3 };

static const char *scheme_option = "github", *secret_text;
static struct dev_setup setup = {.port = DEFAULT_PORT};

static const struct option_spec specs[] = {
    {"port", OPTION_PORT, &setup.port, "PORT",
	"listen there (9460); 0: the kernel chooses", 'p'},
    {"scheme", OPTION_TEXT, &scheme_option, "NAME",
	"the provider (github); see gaff schemes"},
    {"secret", OPTION_TEXT, &secret_text, "SECRET",
	"file:… env:… base64:… or bare; default: a new one, printed"},
    {"run", OPTION_TEXT, &setup.run, "COMMAND",
	"run this line by /bin/sh for each event"},
    {"forward", OPTION_TEXT, &setup.forward, "URL", "post each event there"},
    {0},
};

static const struct options options = {
    .verb = "dev",
    .operands = "",
    .about = "Runs lighttpd, a gateway and a worker on 127.0.0.1 and prints "
	     "each event and its way,\nuntil Ctrl-C; then nothing is left.  "
	     "Without --run and --forward an event is printed\nwith headers "
	     "and body.",
    .specs = specs,
};

struct dev {
	struct dev_child children[N_CHILDREN];
	size_t n_children;
	sigset_t mask; /* as it was */
	int signals;   /* signalfd */
	int listener;
	struct dev_child output; /* of handlers: the FIFO */
	struct buf secret;
	bool accepting, linked, ready;
	struct call *call; /* to the worker, once it is asked */
};

/* ---- where the programs are ---- */

/* An executable NAME in one of the directories of a list; cut by ':'. */
static bool
find_in(const char *list, const char *name, char path[PATH_MAX])
{
	for (size_t len; *list != '\0'; list += len + (list[len] == ':')) {
		len = strcspn(list, ":");
		if (len > 0 &&
		    snprintf(path, PATH_MAX, "%.*s/%s", (int)len, list, name) <
			PATH_MAX &&
		    access(path, X_OK) == 0)
			return true;
	}
	return false;
}

static int
find_lighttpd(char path[PATH_MAX])
{
	if (find_in(setup.path, "lighttpd", path) ||
	    find_in("/usr/sbin:/usr/local/sbin", "lighttpd", path))
		return 0;
	fputs("gaff dev: lighttpd is missing: apt-get install lighttpd\n",
	    stderr);
	return -1;
}

/* One of ours: beside this program, or where `make install` puts it. */
static int
find_own(const char *name, char path[PATH_MAX])
{
	char own[PATH_MAX], places[2 * PATH_MAX + 32], *slash;
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	own[n > 0 ? n : 0] = '\0';
	if ((slash = strrchr(own, '/')) != NULL)
		*slash = '\0';
	snprintf(places, sizeof(places), "%s:%s/../lib/gaff", own, own);
	if (find_in(places, name, path))
		return 0;
	fprintf(stderr,
	    "gaff dev: %s is missing: it is neither in %s nor in "
	    "%s/../lib/gaff\n",
	    name, own, own);
	return -1;
}

/* ---- the files ---- */

/* The secret as it goes into its file. */
static int
make_secret(struct dev *dev)
{
	char error[SECRET_ERROR_SIZE];
	struct secret secret = {0};
	int result;

	if (secret_text == NULL && newsecret_make(setup.scheme, &dev->secret))
		return -1;
	if (secret_text == NULL)
		return 0;
	result = secret_read(secret_text, ".", 1, &secret, error);
	if (result == 0)
		result = buf_add(&dev->secret, secret.p, secret.len);
	else
		fprintf(stderr, "gaff dev: --secret: %s\n", error);
	secret_clear(&secret);
	return result;
}

typedef int text_fn(const struct dev_setup *setup, struct buf *out);

static int
write_text(text_fn *make, const char *name)
{
	struct buf text = {0};
	int result = -1;

	if (make(&setup, &text) == 0)
		result = dev_write(setup.directory, name, &text);
	buf_clear(&text);
	return result;
}

/* All that the programs read; and whether they will like it. */
static int
write_files(struct dev *dev)
{
	struct config *config;
	char path[PATH_MAX];

	/* the newline is not the secret's */
	if (!scheme_is_none(setup.scheme) &&
	    (make_secret(dev) != 0 || buf_add_char(&dev->secret, '\n') != 0 ||
		dev_write(setup.directory, DEV_SECRET, &dev->secret) != 0))
		return -1;
	if (write_text(dev_config, DEV_CONFIG) != 0 ||
	    write_text(dev_lighttpd, DEV_LIGHTTPD) != 0 ||
	    (setup.run != NULL && write_text(dev_handler, DEV_HANDLER) != 0) ||
	    dev_fifo(setup.directory, DEV_OUTPUT) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/" DEV_CONFIG, setup.directory);
	if (setenv("GAFF_CONFIG", path, 1) != 0)
		return -1;
	config = call_load(CONFIG_ROLE_CHECK);
	config_unref(config);
	if (config == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/" DEV_OUTPUT, setup.directory);
	/* for reading and writing: it is never at its end */
	dev->output.fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return dev->output.fd != -1 ? 0 : -1;
}

/* ---- the programs ---- */

static int
start(struct dev *dev, const char *name, const struct dev_start *how)
{
	return dev_child_start(&dev->children[dev->n_children++], name, how);
}

static int
start_programs(struct dev *dev)
{
	char lighttpd[PATH_MAX], gateway[PATH_MAX], worker[PATH_MAX];
	char config[PATH_MAX], web[PATH_MAX], where[PATH_MAX];
	char c[] = "-c", d[] = "-D", f[] = "-f", listen[] = "--listen";
	char *worker_argv[] = {worker, c, config, NULL};
	char *gateway_argv[] = {gateway, c, config, listen, where, NULL};
	char *lighttpd_argv[] = {lighttpd, d, f, web, NULL};
	const struct dev_start starts[N_CHILDREN] = {
	    {lighttpd_argv, dev->listener, &dev->mask},
	    {gateway_argv, -1, &dev->mask},
	    {worker_argv, -1, &dev->mask},
	};

	if (find_lighttpd(lighttpd) != 0 ||
	    find_own("gaff.fcgi", gateway) != 0 ||
	    find_own("gaff-worker", worker) != 0)
		return -1;
	snprintf(config, sizeof(config), "%s/" DEV_CONFIG, setup.directory);
	snprintf(web, sizeof(web), "%s/" DEV_LIGHTTPD, setup.directory);
	snprintf(where, sizeof(where), "unix:%s/" DEV_SOCKET, setup.directory);
	return start(dev, "lighttpd", &starts[0]) == 0 &&
		       start(dev, "the gateway", &starts[1]) == 0 &&
		       start(dev, "the worker", &starts[2]) == 0
		   ? 0
		   : -1;
}

/* ---- what is shown ---- */

static void
print_welcome(const struct dev *dev)
{
	const char *name = scheme_name(setup.scheme);

	printf(
	    "\nURL     http://127.0.0.1:%d/hooks/%s\n", (int)setup.port, name);
	/* one that was given is known, and need not stand on a screen */
	if (scheme_is_none(setup.scheme))
		puts("secret  none: everybody who reaches this port is let in");
	else if (secret_text == NULL)
		printf("secret  %.*s", (int)dev->secret.len, dev->secret.p);
	printf("try it  gaff -c %s/" DEV_CONFIG " send --source %s\n",
	    setup.directory, name);
	printf("        Ctrl-C ends all and leaves nothing\n\n");
}

static void
on_output(void *arg, struct dev_child *output, char *line)
{
	(void)arg;
	(void)output;
	if (line[0] == '\0')
		puts("          |");
	else
		out_lines(line, "          | ");
}

/* Headers and body of an event that nothing else is done with. */
static void
print_event(struct dev *dev, const char *id)
{
	json_t *event = NULL, *headers;
	const json_t *value;
	const char *name, *base64;
	struct buf body = {0};

	if (dev->call == NULL)
		dev->call = call_open(NULL);
	if (dev->call != NULL)
		event = call_ask(dev->call, "show",
		    json_pack("{s:s, s:b}", "id", id, "body", 1), NULL);
	headers = json_object_get(event, "headers");
	json_object_foreach(headers, name, value)
	    pretty_header(name, json_string_value(value));
	base64 = out_member(event, "body_base64");
	if (codec_decode(CODEC_BASE64, base64, strlen(base64), &body) == 0)
		pretty_body(body.p, body.len);
	putchar('\n');
	buf_clear(&body);
	json_decref(event);
}

static void
print_record(struct dev *dev, const json_t *record)
{
	struct buf line = {0};
	char at[16] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (dev_line(record, &line) == 0 && line.len > 0) {
		if (localtime_r(&now, &tm) != NULL)
			(void)strftime(at, sizeof(at), "%H:%M:%S", &tm);
		printf("%s  ", at);
		out_text(buf_str(&line));
		putchar('\n');
	}
	buf_clear(&line);
	if (setup.run == NULL && setup.forward == NULL &&
	    strcmp(out_member(record, "msg"), "accepted") == 0)
		print_event(dev, out_member(record, "id"));
}

static void
note_ready(struct dev *dev, const json_t *record)
{
	const char *msg = out_member(record, "msg");

	dev->accepting |= strcmp(msg, "accepting") == 0;
	dev->linked |= strcmp(msg, "link_up") == 0;
	if (dev->ready || !dev->accepting || !dev->linked)
		return;
	dev->ready = true;
	print_welcome(dev);
}

/* A line of a program. */
static void
on_line(void *arg, struct dev_child *child, char *line)
{
	struct dev *dev = arg;
	json_t *record = json_loads(line, 0, NULL);

	/* what a handler printed came before what the worker says of it, and
	 * goes on until then */
	dev_child_read(&dev->output, on_output, dev);
	if (json_object_get(record, "route") != NULL)
		dev_child_flush(&dev->output, on_output, dev);
	if (record != NULL) {
		note_ready(dev, record);
		print_record(dev, record);
	} else if (child != &dev->children[0]) { /* lighttpd's are no news */
		printf("%s: ", child->name);
		out_text(line);
		putchar('\n');
	}
	json_decref(record);
}

/* ---- running ---- */

/* CMD_USAGE: nothing has happened that ends us. */
static int
take_signals(struct dev *dev)
{
	struct signalfd_siginfo info;
	int status = CMD_USAGE;

	while (read(dev->signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			status = CMD_DONE;
	for (size_t i = 0; i < dev->n_children && status != CMD_DONE; i++) {
		if (!dev_child_ended(&dev->children[i]))
			continue;
		dev_child_read(&dev->children[i], on_line, dev);
		dev_child_report(&dev->children[i]);
		status = CMD_FAILED;
	}
	return status;
}

/* Until somebody ends us, or one of the programs has ended. */
static int
loop(struct dev *dev)
{
	struct pollfd polls[N_CHILDREN + 2] = {
	    {.fd = dev->signals, .events = POLLIN},
	    {.fd = dev->output.fd, .events = POLLIN},
	};
	int status;

	do {
		for (size_t i = 0; i < dev->n_children; i++)
			polls[i + 2] = (struct pollfd){
			    .fd = dev->children[i].fd, .events = POLLIN};
		if (poll(polls, 2 + dev->n_children, -1) == -1 &&
		    errno != EINTR)
			return CMD_FAILED;
		dev_child_read(&dev->output, on_output, dev);
		for (size_t i = 0; i < dev->n_children; i++)
			dev_child_read(&dev->children[i], on_line, dev);
		status = take_signals(dev);
		if (fflush(stdout) != 0)
			return CMD_FAILED;
	} while (status == CMD_USAGE);
	return status;
}

/* Take signals when we look, and SIGPIPE never: there is much to tidy up. */
static int
take_over_signals(struct dev *dev)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGCHLD);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    sigprocmask(SIG_BLOCK, &ours, &dev->mask) != 0)
		return -1;
	dev->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	return dev->signals != -1 ? 0 : -1;
}

static int
run(struct dev *dev)
{
	char *directory;
	int status = CMD_FAILED;

	dev->listener = loopback_listen("dev", &setup.port);
	if (dev->listener == -1 || take_over_signals(dev) != 0 ||
	    (directory = dev_directory_make()) == NULL)
		return CMD_FAILED;
	setup.directory = directory;
	if (write_files(dev) == 0 && start_programs(dev) == 0) {
		close(dev->listener);
		status = loop(dev);
	}
	call_close(dev->call);
	dev_children_stop(dev->children, dev->n_children);
	dev_child_clear(&dev->output);
	dev_directory_remove(directory);
	free(directory);
	return status;
}

static int
check_options(void)
{
	static char cwd[PATH_MAX];

	if (setup.run != NULL && setup.forward != NULL)
		return options_complain(
		    &options, "it is --run or --forward, not both");
	if (scheme_is_none(setup.scheme) && secret_text != NULL)
		return options_complain(
		    &options, "the scheme none has no secret");
	if (!scheme_is_none(setup.scheme) && secret_text == NULL &&
	    !newsecret_fits(setup.scheme))
		return options_complain(&options,
		    "%s signs with a key of its own: give its public key as "
		    "--secret file:PATH",
		    scheme_option);
	setup.cwd = getcwd(cwd, sizeof(cwd));
	setup.path = getenv("PATH");
	if (setup.path == NULL)
		setup.path = "/usr/local/bin:/usr/bin:/bin";
	return setup.cwd != NULL ? CMD_DONE : CMD_FAILED;
}

int
cmd_dev(int argc, char **argv)
{
	struct dev dev = {.signals = -1, .output.fd = -1};
	struct config *config = NULL;
	int first = options_read(&options, argc, argv), status = CMD_FAILED;

	if (first <= 0)
		return options_exit(first);
	setup.scheme = scheme_builtin(scheme_option);
	if (setup.scheme == NULL)
		setup.scheme = offline_scheme("dev", scheme_option, &config);
	if (setup.scheme != NULL)
		status = check_options();
	if (status == CMD_DONE)
		status = run(&dev);
	if (dev.secret.p != NULL)
		OPENSSL_cleanse(dev.secret.p, dev.secret.cap);
	buf_clear(&dev.secret);
	config_unref(config);
	return status;
}
