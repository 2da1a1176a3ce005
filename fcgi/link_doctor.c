#include "link_doctor.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../shared/log.h"

enum { CONNECT_MS = 50, NAME_SIZE = 64 };

static const char *const reasons[DOCTOR__MAX] = {
    [DOCTOR_NO_ANSWER] = "no_answer",
    [DOCTOR_PERMISSION_DENIED] = "permission_denied",
    [DOCTOR_NO_SUCH_FILE] = "no_such_file",
    [DOCTOR_NOT_A_SOCKET] = "not_a_socket",
    [DOCTOR_REFUSED] = "refused",
    [DOCTOR_UNREACHABLE] = "unreachable",
};

static enum doctor_reason
reason_of(int error)
{
	switch (error) {
	case 0:
	case EINPROGRESS:
	case EAGAIN: /* its backlog is full */
	case ETIMEDOUT:
		return DOCTOR_NO_ANSWER;
	case EACCES:
	case EPERM:
		return DOCTOR_PERMISSION_DENIED;
	case ENOENT:
		return DOCTOR_NO_SUCH_FILE;
	case ENOTSOCK:
		return DOCTOR_NOT_A_SOCKET;
	case ECONNREFUSED:
		return DOCTOR_REFUSED;
	default:
		return DOCTOR_UNREACHABLE;
	}
}

/* Connect and see; returns 0 or the error. */
static int
try_connect(const struct sockaddr *address, socklen_t len)
{
	int fd = socket(
	    address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd pollfd = {.fd = fd, .events = POLLOUT};
	socklen_t size = sizeof(int);
	int error = 0;

	if (fd == -1)
		return errno;
	if (connect(fd, address, len) != 0)
		error = errno;
	if (error == EINPROGRESS && poll(&pollfd, 1, CONNECT_MS) == 1)
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	(void)close(fd);
	return error;
}

/* The first directory on the way that may not be entered, else the path. */
static void
find_closed(char *path)
{
	struct stat st;

	for (char *slash = strchr(path + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (stat(path, &st) == 0 && access(path, X_OK) != 0)
			return;
		*slash = '/';
	}
}

static void
look_at_path(const char *path, struct doctor_finding *finding)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;

	(void)snprintf(finding->path, sizeof finding->path, "%s", path);
	if (stat(path, &st) != 0) {
		finding->reason = reason_of(errno);
	} else if (!S_ISSOCK(st.st_mode)) {
		finding->reason = DOCTOR_NOT_A_SOCKET;
	} else {
		(void)snprintf(
		    address.sun_path, sizeof address.sun_path, "%s", path);
		finding->reason = reason_of(try_connect(
		    (const struct sockaddr *)&address, sizeof address));
	}
	if (finding->reason == DOCTOR_PERMISSION_DENIED)
		find_closed(finding->path);
}

/* Addresses only: a name's server may take its time. */
static void
look_at_port(const char *text, struct doctor_finding *finding)
{
	const struct addrinfo hints = {
	    .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char host[256];
	const char *colon = strrchr(text, ':');
	size_t len;

	if (colon == NULL || (size_t)(colon - text) >= sizeof host)
		return;
	if (*text == '[') {
		text++;
		len = strcspn(text, "]");
	} else {
		len = (size_t)(colon - text);
	}
	memcpy(host, text, len);
	host[len] = '\0';
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return;
	finding->reason =
	    reason_of(try_connect(found->ai_addr, found->ai_addrlen));
	freeaddrinfo(found);
}

void
doctor_look(const char *endpoint, struct doctor_finding *finding)
{
	finding->reason = DOCTOR_NO_ANSWER;
	finding->path[0] = '\0';
	if (strncmp(endpoint, "ipc://", 6) == 0)
		look_at_path(endpoint + 6, finding);
	else if (strncmp(endpoint, "tcp://", 6) == 0)
		look_at_port(endpoint + 6, finding);
}

/* ---- the line ---- */

static void
user_name(uid_t uid, char out[NAME_SIZE])
{
	struct passwd entry;
	struct passwd *found = NULL;
	char text[1024];

	if (getpwuid_r(uid, &entry, text, sizeof text, &found) == 0 &&
	    found != NULL)
		(void)snprintf(out, NAME_SIZE, "%s", found->pw_name);
	else
		(void)snprintf(out, NAME_SIZE, "%lu", (unsigned long)uid);
}

static void
group_name(gid_t gid, char out[NAME_SIZE])
{
	struct group entry;
	struct group *found = NULL;
	char text[4096];

	if (getgrgid_r(gid, &entry, text, sizeof text, &found) == 0 &&
	    found != NULL)
		(void)snprintf(out, NAME_SIZE, "%s", found->gr_name);
	else
		(void)snprintf(out, NAME_SIZE, "%lu", (unsigned long)gid);
}

void
doctor_log(const char *worker, const char *endpoint)
{
	struct doctor_finding finding;
	char owner[NAME_SIZE] = "";
	char group[NAME_SIZE] = "";
	char mode[8] = "";
	char me[NAME_SIZE];
	struct stat st;

	doctor_look(endpoint, &finding);
	if (finding.path[0] != '\0' && stat(finding.path, &st) == 0) {
		user_name(st.st_uid, owner);
		group_name(st.st_gid, group);
		(void)snprintf(
		    mode, sizeof mode, "%04o", (unsigned)(st.st_mode & 07777));
	}
	user_name(geteuid(), me);
	log_warn("link_down", log_str("worker", worker),
	    log_str("reason", reasons[finding.reason]),
	    log_str(finding.path[0] != '\0' ? "path" : "endpoint",
		finding.path[0] != '\0' ? finding.path : endpoint),
	    log_str("owner", owner), log_str("group", group),
	    log_str("mode", mode), log_str("me", me));
}
