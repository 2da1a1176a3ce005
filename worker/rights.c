#include "rights.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

#include "../shared/log.h"
#include "run_user.h"

int
rights_drop(const char *name)
{
	struct run_user user;
	int error;

	if (run_user_find(&user, name) != 0)
		return -1;
	if ((error = exec_become(&user.ids)) != 0)
		log_error("cannot_change_the_user", log_str("user", name),
		    log_str("error", strerror(error)));
	else
		(void)prctl(PR_SET_DUMPABLE, 0);
	run_user_clear(&user);
	return error == 0 ? 0 : -1;
}

int
rights_keep_few(void)
{
	const __u32 few = 1U << CAP_SETUID | 1U << CAP_SETGID | 1U << CAP_KILL;
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2] = {
	    {.effective = few, .permitted = few}};

	/* Groups first: that takes one of the rights. */
	if (setgroups(0, NULL) == 0 && syscall(SYS_capset, &head, sets) == 0)
		return 0;
	log_error("cannot_give_up_rights", log_str("error", strerror(errno)));
	return -1;
}
