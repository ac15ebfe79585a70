/* The verbs of the command line: one file each. Every hp_cli_* returns the
 * process's exit status and has said on stderr why it is not 0. */
#ifndef HP_CLI_CLI_H
#define HP_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

#define HP_PROGRAM "containerd-shim-hostprocess-v1"

struct hp_call; /* command.h */

/* containerd's form: flags in any order, and the verb among them. */
struct hp_flags {
  const char *namespace_name, *address, *publish_binary, *id, *bundle, *socket;
  bool debug, version, info, help;
  const char *verb; /* "start", "delete", "serve", …; NULL: none */
};

/* Parses argv (one or two dashes, "-flag value" and "-flag=value"). 0, or -1
 * with the reason printed. */
int hp_flags_parse(int argc, char **argv, struct hp_flags *flags);

/* -namespace and -id are there and are names as containerd's are. (start.c) */
int hp_check_names(const struct hp_flags *flags, struct hp_error *err);

/* Whose shim it is: the sandbox's for a member of a pod, else the container's
 * own, as also in a bundle without config.json (the Sandbox API starts a shim
 * there). *owner is an id, owned. (start.c) */
int hp_shim_owner(const char *bundle, const char *id, char **owner, struct hp_error *err);

int hp_cli_start(const struct hp_flags *flags);
int hp_cli_delete(const struct hp_flags *flags); /* clean.c */
int hp_cli_info(const struct hp_flags *flags);
int hp_cli_info_text(const struct hp_call *call); /* the same for people */
int hp_cli_validate(const struct hp_call *call);  /* validate.c */
int hp_cli_version(const struct hp_call *call);   /* NULL is fine */

int hp_cli_doctor(const struct hp_call *call);
int hp_cli_gc(const struct hp_call *call);

/* Standard output is written out: the exit status, after saying on stderr if it
 * cannot be. (dispatch.c) */
int hp_cli_flush(void);

/* The long-running half, in the daemon that start made. */
struct hp_serve {
  const char *namespace_name, *id, *bundle;
  const char *ttrpc_address; /* events; NULL: none */
  const char *option_path;   /* runtime options' config_path; NULL: none */
  int log_level;             /* enum hp_log_level */
};
/* As text, which is how start hands it to the daemon. Owned; NULL with
 * InvalidArgument if a string is not UTF-8. (state.c) */
char *hp_serve_pack(const struct hp_serve *serve, struct hp_error *err);
/* The strings live as long as *owner, which is the caller's to json_decref. */
int hp_serve_unpack(const char *state, json_t **owner, struct hp_serve *serve, struct hp_error *err);

struct host_daemon;
int hp_serve(struct host_daemon *daemon, const char *state); /* a host_daemon_main */

#endif
