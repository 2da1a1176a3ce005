/* The texts. */

#include "dev.h"
#include "words.h"

static const char common[] = "# written by gaff dev\n"
			     "[gateway]\n"
			     "threads = 4\n"
			     "https = no\n"
			     "\n"
			     "[log]\n"
			     "to = stderr\n"
			     "format = json\n"
			     "\n"
			     "[worker dev]\n"
			     "data = ipc://data\n"
			     "control = ipc://control\n"
			     "admin = ipc://admin\n"
			     "stop_after = 1s\n"
			     "\n"
			     "[store]\n"
			     "url = sqlite:gaff.db\n"
			     "reserve = 8M\n"
			     "\n"
			     "[dead_letter]\n"
			     "directory = dead\n";

/* A provider is kept waiting for seconds only while somebody watches. */
static const char patience[] = "backoff = 1s\n"
			       "attempts = 3\n";

static void
add_source(const struct dev_setup *setup, struct buf *out)
{
	const char *name = scheme_name(setup->scheme);

	if (scheme_builtin(name) == NULL) {
		(void)buf_add_char(out, '\n');
		scheme_print(setup->scheme, out);
	}
	(void)buf_printf(out,
	    "\n[source %s]\nscheme = %s\n%s\n"
	    "public_url = http://127.0.0.1:%d/hooks/%s\n",
	    name, name,
	    scheme_is_none(setup->scheme) ? "unverified = yes"
					  : "secret = file:" DEV_SECRET,
	    (int)setup->port, name);
}

int
dev_config(const struct dev_setup *setup, struct buf *out)
{
	(void)buf_add_str(out, common);
	add_source(setup, out);
	if (setup->run == NULL && setup->forward == NULL)
		return out->failed ? -1 : 0;
	(void)buf_printf(
	    out, "\n[route dev]\nsource = %s\n", scheme_name(setup->scheme));
	if (setup->forward != NULL) {
		(void)buf_printf(out, "post = %s\n", setup->forward);
	} else {
		(void)buf_add_str(out, "run = /bin/sh ");
		(void)words_quote(out, setup->directory);
		(void)buf_printf(out,
		    "/" DEV_HANDLER "\ndirectory = %s\nenv = PATH=%s\n",
		    setup->cwd, setup->path);
	}
	return buf_add_str(out, patience);
}

int
dev_lighttpd(const struct dev_setup *setup, struct buf *out)
{
	return buf_printf(out,
	    "server.modules = ( \"mod_fastcgi\" )\n"
	    "server.document-root = \"%s\"\n"
	    "server.bind = \"127.0.0.1\"\n"
	    "server.port = %d\n"
	    "server.systemd-socket-activation = \"enable\"\n"
	    "server.max-request-size = 32768\n"
	    "server.upload-dirs = ( \"%s\" )\n"
	    "fastcgi.server = ( \"\" => (( \"socket\" => \"%s/" DEV_SOCKET
	    "\",\n"
	    "\t\"check-local\" => \"disable\" )) )\n",
	    setup->directory, (int)setup->port, setup->directory,
	    setup->directory);
}

int
dev_handler(const struct dev_setup *setup, struct buf *out)
{
	(void)buf_add_str(out, "exec >");
	(void)words_quote(out, setup->directory);
	return buf_printf(out, "/" DEV_OUTPUT " 2>&1\n%s\n", setup->run);
}
