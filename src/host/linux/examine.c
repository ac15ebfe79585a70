/* What `doctor` says of a Linux host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host/host.h"
#include "host/ledger.h"
#include "host/linux/cgroup_layout.h"
#include "host/linux/examine.h"
#include "host/linux/mount_point.h"
#include "host/linux/rendezvous.h"

#define KERNEL_MAJOR 5 /* mount_setattr, close_range and clone3 into a cgroup */
#define KERNEL_MINOR 12

static void say(const struct hp_examiner *to, enum host_health health, const char *check, const char *remedy,
                char *text) {
  to->say(to->arg, health, check, health == HOST_OK ? NULL : remedy, text);
  free(text);
}

/* The message of an error names its own remedy. */
static void say_error(const struct hp_examiner *to, const char *check, const char *remedy,
                      struct hp_error *err) {
  say(to, HOST_PROBLEM, check, remedy, hp_strdup(err->message));
  hp_error_clear(err);
}

void hp_examine_kernel(const struct hp_examiner *to, const char *release) {
  char *end;
  unsigned long major = strtoul(release, &end, 10);
  unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
  if (major == 0)
    return say(to, HOST_WARNING, "kernel", "look that it is 5.12 or later",
               hp_strdup("the kernel's version cannot be read"));
  bool recent = major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR);
  say(to, recent ? HOST_OK : HOST_PROBLEM, "kernel", "update the kernel to 5.12 or later",
      hp_printf("Linux %s", release));
}

void hp_examine_account(const struct hp_examiner *to, uid_t uid) {
  say(to, uid == 0 ? HOST_OK : HOST_PROBLEM, "account",
      "run it as root, as containerd is: other checks may be wrong, too",
      hp_printf("this program runs as uid %u", (unsigned)uid));
}

void hp_examine_containerd(const struct hp_examiner *to, const struct host_containerd *containerd) {
  if (containerd->pid == 0)
    say(to, HOST_WARNING, "containerd", "start it: systemctl start containerd",
        hp_strdup("containerd does not run"));
  else
    say(to, containerd->privileged ? HOST_OK : HOST_PROBLEM, "containerd",
        "run containerd as root: rootless containerd cannot make HostProcess containers",
        hp_printf("containerd (pid %u) runs as uid %s", containerd->pid,
                  containerd->account ? containerd->account : "?"));
}

static uint64_t effective_capabilities(void) {
  static const char label[] = "CapEff:";
  char line[128];
  uint64_t bits = 0;
  FILE *file = fopen("/proc/self/status", "re");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, label, strlen(label)) == 0)
      bits = strtoull(line + strlen(label), NULL, 16);
  if (file)
    fclose(file);
  return bits;
}

/* Each with what is lost without it. */
void hp_examine_capabilities(const struct hp_examiner *to, uint64_t effective) {
  static const struct {
    const char *name, *lost;
    unsigned bit;
    enum host_health health;
  } needed[] = {
      {"CAP_SYS_ADMIN", "mount volumes or mark cgroups", 21, HOST_PROBLEM},
      {"CAP_SETUID", "run anything as another user", 7, HOST_PROBLEM},
      {"CAP_SETGID", "run anything as a member of a group", 6, HOST_PROBLEM},
      {"CAP_KILL", "end processes of other users", 5, HOST_PROBLEM},
      {"CAP_DAC_OVERRIDE", "reach files of other users", 1, HOST_PROBLEM},
      {"CAP_CHOWN", "give a terminal to its user", 0, HOST_PROBLEM},
      {"CAP_SYS_PTRACE", "tell what living shims hold, for gc", 19, HOST_WARNING},
      {"CAP_SYS_RESOURCE", "raise a container's rlimits above its own", 24, HOST_WARNING},
  };
  size_t missing = 0;
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
    if (effective >> needed[i].bit & 1)
      continue;
    missing++;
    say(to, needed[i].health, "capabilities", "give it to the account, or take the restriction away",
        hp_printf("%s is missing: without it the shim cannot %s", needed[i].name, needed[i].lost));
  }
  if (missing == 0)
    say(to, HOST_OK, "capabilities", NULL, hp_strdup("all that are needed"));
}

void hp_examine_cgroups(const struct hp_examiner *to) {
  const unsigned wanted =
      HP_CONTROLLER_CPU | HP_CONTROLLER_MEMORY | HP_CONTROLLER_PIDS | HP_CONTROLLER_IO | HP_CONTROLLER_CPUSET;
  struct hp_cgroup_layout layout;
  struct hp_error err = HP_ERROR_INIT;
  unsigned there = 0;
  if (hp_cgroup_layout_read(&layout, &err) != 0) {
    say_error(to, "cgroups", "mount cgroup2 on /sys/fs/cgroup", &err);
    hp_cgroup_layout_clear(&layout);
    return;
  }
  for (size_t i = 0; i < layout.count; i++)
    there |= layout.items[i].controllers;
  char *have = hp_controllers_format(layout.version, there);
  char *lost = hp_controllers_format(layout.version, wanted & ~there);
  say(to, HOST_OK, "cgroups", NULL, hp_printf("version %u with %s", layout.version, have));
  if (*lost)
    say(to, HOST_WARNING, "controllers",
        layout.version == 2 ? "enable them in /sys/fs/cgroup/cgroup.subtree_control"
                            : "mount them below /sys/fs/cgroup",
        hp_printf("%s: limits of these kinds are refused", lost));
  free(lost);
  free(have);
  hp_cgroup_layout_clear(&layout);
}

void hp_examine_ledger(const struct hp_examiner *to) {
  json_t *claims;
  struct hp_error err = HP_ERROR_INIT;
  if (hp_ledger_read(&claims, &err) != 0) {
    say_error(to, "ledger", "see the message: containers with accounts or mounts cannot be made", &err);
    return;
  }
  say(to, HOST_OK, "ledger", NULL, hp_printf("it holds %zu claims", json_array_size(claims)));
  json_decref(claims);
}

void hp_examine_volume_base(const struct hp_examiner *to, struct hp_error *err) {
  if (err->code == HP_OK)
    say(to, HOST_OK, "volumes", NULL, hp_strdup(HP_VOLUME_BASE " is free, or root's"));
  else
    say_error(to, "volumes", "move " HP_VOLUME_BASE " away", err);
}

void hp_examine_sockets(const struct hp_examiner *to, const char *directory) {
  struct stat found;
  if (stat(directory, &found) != 0) {
    bool missing = errno == ENOENT;
    say(to, missing ? HOST_OK : HOST_PROBLEM, "sockets", "give root access to it",
        missing ? hp_printf("%s is made when the first shim starts", directory)
                : hp_printf("%s cannot be looked at: %s", directory, strerror(errno)));
    return;
  }
  bool open_to_others = (found.st_mode & (S_IWGRP | S_IWOTH)) && !(found.st_mode & S_ISVTX);
  bool good = S_ISDIR(found.st_mode) && hp_trusted_uid(found.st_uid) && !open_to_others;
  say(to, good ? HOST_OK : HOST_PROBLEM, "sockets",
      "others could put a socket there: `chown root` and `chmod go-w` it",
      hp_printf("%s (uid %u, mode %04o)", directory, (unsigned)found.st_uid,
                (unsigned)found.st_mode & 07777u));
}

void host_examine(const char *socket_dir, host_say saying, void *arg) {
  const struct hp_examiner to = {saying, arg};
  struct utsname name = {.release = ""};
  struct host_containerd containerd;
  struct hp_error err = HP_ERROR_INIT;
  uname(&name);
  host_find_containerd(&containerd);
  hp_mount_point_base(false, &err);
  hp_examine_kernel(&to, name.release);
  hp_examine_account(&to, geteuid());
  hp_examine_capabilities(&to, effective_capabilities());
  hp_examine_containerd(&to, &containerd);
  hp_examine_cgroups(&to);
  hp_examine_volume_base(&to, &err);
  hp_examine_ledger(&to);
  hp_examine_sockets(&to, socket_dir ? socket_dir : "/run/containerd/s");
  host_containerd_clear(&containerd);
}
