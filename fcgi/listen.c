#include "listen.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "../shared/log.h"

enum {
	BACKLOG = 512,
	ADDRESS_SIZE = 64,
	SYSTEMD_FD = 3,
	LOOK_MS = 1000, /* between looks at who the web server is */
};

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_storage storage;
};

static int
failed(const char *where, const char *reason)
{
	log_error("listen_failed", log_str("where", where),
	    log_str("reason", reason));
	return -1;
}

/* ---- who may connect ---- */

static int
add_web(struct net_list *web, const char *text)
{
	struct net_range range;

	if (net_range_parse(text, &range) != 0)
		return failed("FCGI_WEB_SERVER_ADDRS", text);
	return net_list_add(web, &range) == 0 ? 0 : failed(text, "no memory");
}

/* The addresses in FCGI_WEB_SERVER_ADDRS, else this host's own. */
static int
read_web(struct net_list *web)
{
	const char *text = getenv("FCGI_WEB_SERVER_ADDRS");
	char *copy =
	    strdup(text != NULL && *text != '\0' ? text : "127.0.0.0/8,::1");
	char *rest = copy;
	char *one;
	int rc = copy != NULL ? 0 : failed("-", "no memory");

	while (rc == 0 && (one = strsep(&rest, ",")) != NULL) {
		one += strspn(one, " ");
		one[strcspn(one, " ")] = '\0';
		if (*one != '\0')
			rc = add_web(web, one);
	}
	free(copy);
	return rc;
}

/* ---- opening ---- */

/* Whether somebody listens on a unix socket. */
static bool
is_alive(const union address *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool alive = true;

	if (fd == -1)
		return true;
	if (connect(fd, &address->any, sizeof address->un) != 0)
		alive = errno != ECONNREFUSED && errno != ENOENT;
	(void)close(fd);
	return alive;
}

/* Remove the socket an earlier process left; nothing else. */
static int
remove_stale(const char *path, const union address *address)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : failed(path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return failed(path, "a file that is no socket is there");
	if (is_alive(address))
		return failed(path, "another process listens there");
	return unlink(path) == 0 ? 0 : failed(path, strerror(errno));
}

static int
set_group(const char *path, const char *group)
{
	const struct group *found;

	if (group == NULL)
		return 0;
	found = getgrnam(group);
	if (found == NULL)
		return failed(group, "no such group");
	if (chown(path, (uid_t)-1, found->gr_gid) != 0)
		return failed(path, "cannot give it to that group");
	return 0;
}

static int
bind_unix(struct listen *listen, const char *path, const char *group)
{
	union address address = {.un = {.sun_family = AF_UNIX}};
	mode_t before;
	int rc;

	if (*path != '/' || strlen(path) >= sizeof address.un.sun_path)
		return failed(path, "expected unix:/PATH of at most 107 bytes");
	memcpy(address.un.sun_path, path, strlen(path) + 1);
	if (remove_stale(path, &address) != 0)
		return -1;
	listen->fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listen->fd == -1)
		return failed(path, strerror(errno));
	/* closed to everybody else until its rights are set */
	before = umask(0177);
	rc = bind(listen->fd, &address.any, sizeof address.un);
	(void)umask(before);
	if (rc != 0)
		return failed(path, strerror(errno));
	listen->path = strdup(path);
	if (listen->path == NULL)
		return failed(path, "no memory");
	if (set_group(path, group) != 0)
		return -1;
	return chmod(path, 0660) == 0 ? 0 : failed(path, strerror(errno));
}

/* HOST:PORT or [ADDRESS]:PORT into two texts. */
static int
split_port(const char *text, char host[256], const char **port)
{
	const char *colon = strrchr(text, ':');
	size_t len;

	if (colon == NULL || colon == text || colon[1] == '\0' ||
	    colon - text >= 256)
		return -1;
	len = (size_t)(colon - text);
	if (*text == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	memcpy(host, text, len);
	host[len] = '\0';
	*port = colon + 1;
	return 0;
}

static int
bind_tcp(struct listen *listen, const char *where)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	const char *port = NULL;
	char host[256];
	const int on = 1;
	int rc = -1;

	if (split_port(where, host, &port) != 0)
		return failed(where, "expected tcp:HOST:PORT");
	rc = getaddrinfo(host, port, &hints, &found);
	if (rc != 0)
		return failed(where, gai_strerror(rc));
	rc = -1;
	listen->fd = socket(
	    found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listen->fd != -1 &&
	    setsockopt(listen->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ==
		0 &&
	    bind(listen->fd, found->ai_addr, found->ai_addrlen) == 0)
		rc = read_web(&listen->web);
	else
		(void)failed(where, strerror(errno));
	freeaddrinfo(found);
	return rc;
}

int
listen_open(struct listen *self, const char *where, const char *group)
{
	int rc;

	*self = (struct listen){.fd = -1, .own = true};
	if (strncmp(where, "unix:", 5) == 0)
		rc = bind_unix(self, where + 5, group);
	else if (strncmp(where, "tcp:", 4) == 0)
		rc = bind_tcp(self, where + 4);
	else
		rc = failed(where, "expected unix:PATH or tcp:HOST:PORT");
	if (rc == 0 && listen(self->fd, BACKLOG) != 0)
		rc = failed(where, strerror(errno));
	if (rc != 0)
		listen_close(self);
	return rc;
}

/* ---- inheriting ---- */

static bool
is_listening(int fd)
{
	socklen_t len = sizeof(int);
	int on = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 &&
	       on != 0;
}

/* Whether systemd passed descriptors to this process (sd_listen_fds(3)). */
static bool
has_systemd_fds(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");

	return pid != NULL && fds != NULL &&
	       strtol(pid, NULL, 10) == (long)getpid() &&
	       strtol(fds, NULL, 10) > 0;
}

int
listen_inherit(struct listen *self)
{
	union address address = {.any = {.sa_family = AF_UNIX}};
	socklen_t len = sizeof address;
	int flags;

	*self = (struct listen){.fd = -1};
	if (is_listening(STDIN_FILENO))
		self->fd = STDIN_FILENO;
	else if (has_systemd_fds() && is_listening(SYSTEMD_FD))
		self->fd = SYSTEMD_FD;
	else
		return 0;
	(void)fcntl(self->fd, F_SETFD, FD_CLOEXEC);
	flags = fcntl(self->fd, F_GETFL);
	if (flags == -1 || fcntl(self->fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    getsockname(self->fd, &address.any, &len) != 0)
		return failed("inherited", strerror(errno));
	if (address.any.sa_family != AF_UNIX && read_web(&self->web) != 0)
		return -1;
	return 1;
}

/* ---- accepting ---- */

/* The peer's address as text; "" for a unix socket. */
static void
peer_text(const union address *address, char out[ADDRESS_SIZE])
{
	const void *bytes = NULL;

	if (address->any.sa_family == AF_INET)
		bytes = &address->in.sin_addr;
	else if (address->any.sa_family == AF_INET6)
		bytes = &address->in6.sin6_addr;
	if (bytes == NULL ||
	    inet_ntop(address->any.sa_family, bytes, out, ADDRESS_SIZE) == NULL)
		out[0] = '\0';
}

static void
log_stranger(const char *peer)
{
	static struct log_limit limit;
	unsigned suppressed;

	if (log_allow(&limit, LOG_LINES, clock_boot_ms(), &suppressed))
		log_warn("connection_refused", log_str("peer", peer),
		    log_str("reason", "not in FCGI_WEB_SERVER_ADDRS"),
		    log_suppressed(suppressed));
}

/* Whether a second has passed since this was last so. */
static bool
is_time_to_look(void)
{
	static _Atomic int64_t next_ms;
	int64_t now_ms = clock_boot_ms();

	if (now_ms < atomic_load(&next_ms))
		return false;
	atomic_store(&next_ms, now_ms + LOOK_MS);
	return true;
}

/* Tell once which user the web server is, and again when that changes; a look
 * a second is enough for that. */
static void
note_user(int fd)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static bool known;
	static uid_t uid;
	static struct log_limit limit;
	socklen_t len = sizeof(struct ucred);
	struct ucred peer;
	unsigned suppressed;
	bool is_new;

	if (!is_time_to_look() ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return;
	(void)pthread_mutex_lock(&mutex);
	is_new = !known || uid != peer.uid;
	known = true;
	uid = peer.uid;
	(void)pthread_mutex_unlock(&mutex);
	if (is_new &&
	    log_allow(&limit, LOG_LINES, clock_boot_ms(), &suppressed))
		log_info("web_server_connected", log_int("uid", peer.uid),
		    log_int("gid", peer.gid), log_int("pid", peer.pid),
		    log_suppressed(suppressed));
}

static bool
may_connect(const struct listen *self, int fd, const union address *address)
{
	char peer[ADDRESS_SIZE];
	struct net_addr addr;

	if (address->any.sa_family == AF_UNIX) {
		note_user(fd);
		return true;
	}
	peer_text(address, peer);
	if (net_addr_parse(peer, &addr) == 0 && net_list_has(&self->web, &addr))
		return true;
	log_stranger(peer);
	return false;
}

int
listen_accept(const struct listen *self)
{
	union address address = {.any = {.sa_family = AF_UNIX}};
	socklen_t len = sizeof address;
	int fd =
	    accept4(self->fd, &address.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1) {
		if (errno == EINTR || errno == ECONNABORTED)
			errno = EAGAIN;
		return -1;
	}
	if (may_connect(self, fd, &address))
		return fd;
	(void)close(fd);
	errno = EAGAIN;
	return -1;
}

/* ---- closing ---- */

void
listen_retire(struct listen *self)
{
	if (self->path != NULL)
		(void)unlink(self->path);
	free(self->path);
	self->path = NULL;
}

void
listen_close(struct listen *self)
{
	listen_retire(self);
	if (self->fd != -1)
		(void)close(self->fd);
	self->fd = -1;
	net_list_clear(&self->web);
}
