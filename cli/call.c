#include "call.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "../shared/wire.h"
#include "../shared/zsock.h"

struct call {
	struct config *config;
	const struct config_worker *worker;
	void *context;
	void *socket;
};

struct config *
call_load(enum config_role role)
{
	struct buf errors = {0};
	struct config *config =
	    config_load(config_path(NULL), role, &errors, NULL);

	if (config == NULL)
		fprintf(stderr, "%s",
		    errors.failed ? "gaff: no memory\n" : buf_str(&errors));
	buf_clear(&errors);
	return config;
}

struct config *
call_load_workers(size_t *n_faults)
{
	static bool warned;
	const char *path = config_path(NULL);
	struct config *config;

	*n_faults = 0;
	config = config_load_workers(path, n_faults);
	if (config == NULL || (*n_faults > 0 && config->n_workers == 0)) {
		config_unref(config);
		return call_load(CONFIG_ROLE_NONE); /* says why */
	}
	if (*n_faults > 0 && !warned)
		fprintf(stderr,
		    "gaff: warning: %s has %zu fault%s (gaff check says "
		    "which); running processes keep the one they have\n",
		    path, *n_faults, *n_faults == 1 ? "" : "s");
	warned = *n_faults > 0;
	return config;
}

const struct config_worker *
call_pick(const struct config *config, const char *name)
{
	const struct config_worker *worker = config_worker(config, name);

	if (worker != NULL)
		return worker;
	if (config->n_workers == 0) {
		fprintf(stderr, "gaff: %s has no worker\n", config->path);
		return NULL;
	}
	if (name != NULL)
		fprintf(
		    stderr, "gaff: there is no worker \"%s\"; choose:", name);
	else
		fprintf(stderr, "gaff: choose a worker with --worker:");
	for (size_t i = 0; i < config->n_workers; i++)
		fprintf(stderr, " %s", config->workers[i].name);
	fputc('\n', stderr);
	return NULL;
}

bool
call_is_here(const struct config_worker *worker)
{
	return strncmp(worker->admin, "ipc:", 4) == 0;
}

/* ---- why a connection does not come about ---- */

static void
print_owner(const char *path)
{
	const struct passwd *user;
	const struct group *group;
	struct stat st;

	if (stat(path, &st) != 0)
		return;
	user = getpwuid(st.st_uid);
	group = getgrgid(st.st_gid);
	fprintf(stderr, "%s belongs to %s:%s, mode %04o", path,
	    user != NULL ? user->pw_name : "?",
	    group != NULL ? group->gr_name : "?",
	    (unsigned)(st.st_mode & 07777));
}

/* Name the first directory on the way that may not be entered, or the socket
 * itself. */
static void
say_denied(const char *name, const char *path)
{
	const struct passwd *user = getpwuid(geteuid());
	char me[64]; /* the next getpwuid() takes the memory */
	char part[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	snprintf(me, sizeof(me), "%s", user != NULL ? user->pw_name : "?");
	fprintf(stderr, "gaff: worker %s: permission denied: ", name);
	for (const char *p = strchr(path + 1, '/'); p != NULL;
	     p = strchr(p + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		if (access(part, X_OK) != 0) {
			print_owner(part);
			goto end;
		}
	}
	print_owner(path);
end:
	fprintf(stderr, "; you are %s\n", me);
}

/* Connect by hand to an ipc socket: libzmq would try for ever and not say why.
 * 0, or -1 after a sentence. */
static int
check_ipc(const char *name, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, failed, reason;

	if (path[0] == '@' || strlen(path) >= sizeof(address.sun_path))
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		perror("gaff: socket");
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	failed =
	    connect(fd, (const struct sockaddr *)&address, sizeof(address));
	reason = errno;
	close(fd);
	if (failed == 0 || reason == EAGAIN || reason == EINPROGRESS)
		return 0;
	if (reason == EACCES || reason == EPERM)
		say_denied(name, path);
	else if (reason == ENOENT || reason == ECONNREFUSED)
		fprintf(stderr, "gaff: worker %s is not running (%s: %s)\n",
		    name, path,
		    reason == ENOENT ? "no such socket" : "nobody listens");
	else
		fprintf(stderr, "gaff: worker %s: %s: %s\n", name, path,
		    strerror(reason));
	return -1;
}

static int
connect_socket(struct call *call)
{
	static const char ipc[] = "ipc://";
	const char *endpoint = call->worker->admin;

	if (strncmp(endpoint, ipc, sizeof(ipc) - 1) == 0 &&
	    check_ipc(call->worker->name, endpoint + sizeof(ipc) - 1) != 0)
		return -1;
	call->context = zmq_ctx_new();
	if (call->context == NULL)
		goto fail;
	call->socket = zsock_new(call->context, ZSOCK_ADMIN_OUT, NULL);
	if (call->socket == NULL)
		return -1;
	if (zmq_connect(call->socket, endpoint) == 0)
		return 0;
fail:
	fprintf(stderr, "gaff: worker %s: %s: %s\n", call->worker->name,
	    endpoint, zmq_strerror(zmq_errno()));
	return -1;
}

struct call *
call_open(const char *worker)
{
	struct call *call = calloc(1, sizeof(*call));
	size_t n_faults;

	if (call == NULL) {
		perror("gaff");
		return NULL;
	}
	call->config = call_load_workers(&n_faults);
	if (call->config == NULL)
		goto fail;
	call->worker = call_pick(call->config, worker);
	if (call->worker == NULL || connect_socket(call) != 0)
		goto fail;
	return call;
fail:
	call_close(call);
	return NULL;
}

void
call_close(struct call *call)
{
	if (call == NULL)
		return;
	zsock_close(call->socket);
	if (call->context != NULL)
		zsock_context_end(call->context);
	config_unref(call->config);
	free(call);
}

const struct config *
call_config(const struct call *call)
{
	return call->config;
}

const struct config_worker *
call_worker(const struct call *call)
{
	return call->worker;
}

/* ---- asking ---- */

/* 0 when the socket is ready, -1 after a sentence. */
static int
wait_for(struct call *call, short events, int64_t deadline_ms)
{
	zmq_pollitem_t item = {.socket = call->socket, .events = events};
	int64_t left_ms;
	int n;

	do {
		left_ms = deadline_ms - clock_boot_ms();
		n = zmq_poll(&item, 1, left_ms > 0 ? (long)left_ms : 0);
		if (n > 0)
			return 0;
	} while (left_ms > 0 && (n == 0 || zmq_errno() == EINTR));
	fprintf(stderr, "gaff: worker %s does not answer within %d s (%s)\n",
	    call->worker->name, CALL_TIMEOUT_MS / 1000, call->worker->admin);
	return -1;
}

static int
send_call(struct call *call, const json_t *object, int64_t deadline_ms)
{
	struct buf frame = {0};
	int result = -1;

	if (wire_put_json(&frame, WIRE_CALL, object) != 0) {
		fputs("gaff: no memory for the call\n", stderr);
		goto out;
	}
	if (frame.len > WIRE_ADMIN_MAX) {
		fputs("gaff: too large for a call\n", stderr);
		goto out;
	}
	if (wait_for(call, ZMQ_POLLOUT, deadline_ms) != 0)
		goto out;
	if (zsock_send(call->socket, frame.p, frame.len) != 0) {
		fprintf(stderr, "gaff: worker %s: %s\n", call->worker->name,
		    zmq_strerror(zmq_errno()));
		goto out;
	}
	result = 0;
out:
	buf_clear(&frame);
	return result;
}

static json_t *
receive_reply(struct call *call, int64_t deadline_ms)
{
	json_t *reply = NULL;
	zmq_msg_t msg;

	zmq_msg_init(&msg);
	do {
		if (wait_for(call, ZMQ_POLLIN, deadline_ms) != 0)
			goto out;
	} while (zsock_recv(call->socket, &msg, NULL) != 0);
	if (wire_type(zmq_msg_data(&msg), zmq_msg_size(&msg)) == WIRE_REPLY)
		reply = wire_get_json(zmq_msg_data(&msg), zmq_msg_size(&msg));
	if (reply == NULL)
		fprintf(stderr,
		    "gaff: worker %s gave an answer that cannot be read (is it "
		    "of another version?)\n",
		    call->worker->name);
out:
	zmq_msg_close(&msg);
	return reply;
}

json_t *
call_ask(struct call *call, const char *verb, json_t *args, int64_t *next)
{
	int64_t deadline_ms = clock_boot_ms() + CALL_TIMEOUT_MS;
	json_t *object = json_pack("{s:s, s:o}", "verb", verb, "args", args);
	json_t *reply = NULL, *data = NULL;
	const char *error;

	if (next != NULL)
		*next = 0;
	if (object == NULL) {
		fputs("gaff: no memory for the call\n", stderr);
		return NULL;
	}
	if (send_call(call, object, deadline_ms) == 0)
		reply = receive_reply(call, deadline_ms);
	json_decref(object);
	if (reply == NULL)
		return NULL;
	if (json_is_true(json_object_get(reply, "ok"))) {
		data = json_incref(json_object_get(reply, "data"));
		if (next != NULL)
			*next =
			    json_integer_value(json_object_get(reply, "next"));
	} else {
		error = json_string_value(json_object_get(reply, "error"));
		fprintf(stderr, "gaff: %s\n",
		    error != NULL ? error : "the worker failed");
	}
	json_decref(reply);
	return data;
}
