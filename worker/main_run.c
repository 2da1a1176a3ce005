/*
 * gaff-run: starts the programs of routes with `user`, as that user
 *
 * Root's, started by gaff-worker before it gives up its rights, and of no use
 * to anybody else: it is not setuid.  Its standard input is the socket to the
 * worker, its argument the configuration.  spawner.h says how it lives,
 * run_rules.h what it may start.
 */

#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../shared/process.h"
#include "rights.h"
#include "run_rules.h"

static int
is_socket(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_SEQPACKET;
}

int
main(int argc, char **argv)
{
	const struct spawner_rules *rules;

	if (argc != 2 || argv[1][0] != '/' || geteuid() != 0 || getuid() != 0 ||
	    !is_socket(STDIN_FILENO)) {
		(void)fputs("gaff-run is started by gaff-worker, by root: see "
			    "user in gaff.conf(5)\n",
		    stderr);
		return 2;
	}
	if (clearenv() != 0 || rights_keep_few() != 0)
		return 1;
	process_harden();
	if ((rules = run_rules_new(argv[1])) == NULL)
		return 1;
	spawner_main(STDIN_FILENO, rules);
}
