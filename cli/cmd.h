/*
 * cmd - the verbs of gaff, one file each
 *
 * argv[0] is the verb; the rest its options and operands.  Each returns the
 * program's exit status.  `-c FILE` before the verb has become GAFF_CONFIG in
 * the environment, so config_path(NULL) names the file to read.
 */

#ifndef CLI_CMD_H
#define CLI_CMD_H

enum {
	CMD_DONE = 0,
	CMD_FAILED = 1,
	CMD_USAGE = 2,
};

int cmd_cancel(int argc, char **argv);
int cmd_catch(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_dead(int argc, char **argv);
int cmd_dev(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_forget(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_match(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_rejected(int argc, char **argv);
int cmd_register(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_schemes(int argc, char **argv);
int cmd_secret(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_sign(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_store(int argc, char **argv);
int cmd_tail(int argc, char **argv);
int cmd_verify(int argc, char **argv);

#endif
