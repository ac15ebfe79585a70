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
#include "host/linux/mount_point.h"
#include "host/linux/rendezvous.h"

#define KERNEL_MAJOR 5 /* mount_setattr, close_range and clone3 into a cgroup */
#define KERNEL_MINOR 12

struct doctor {
  host_say say;
  void *arg;
};

static void say(const struct doctor *doctor, enum host_health health, const char *check, const char *remedy,
                char *text) {
  doctor->say(doctor->arg, health, check, health == HOST_OK ? NULL : remedy, text);
  free(text);
}

/* The message of an error names its own remedy. */
static void say_error(const struct doctor *doctor, const char *check, const char *remedy,
                      struct hp_error *err) {
  say(doctor, HOST_PROBLEM, check, remedy, hp_strdup(err->message));
  hp_error_clear(err);
}

static void examine_kernel(const struct doctor *doctor) {
  struct utsname name;
  char *end = NULL;
  unsigned long major = uname(&name) == 0 ? strtoul(name.release, &end, 10) : 0;
  unsigned long minor = end && *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
  if (major == 0)
    return say(doctor, HOST_WARNING, "kernel", "look that it is 5.12 or later",
               hp_strdup("the kernel's version cannot be read"));
  bool recent = major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR);
  say(doctor, recent ? HOST_OK : HOST_PROBLEM, "kernel", "update the kernel to 5.12 or later",
      hp_printf("Linux %s", name.release));
}

static void examine_account(const struct doctor *doctor) {
  uid_t uid = geteuid();
  say(doctor, uid == 0 ? HOST_OK : HOST_PROBLEM, "account",
      "run it as root, as containerd is: other checks may be wrong, too",
      hp_printf("this program runs as uid %u", (unsigned)uid));
}

static void examine_containerd(const struct doctor *doctor) {
  struct host_containerd containerd;
  host_find_containerd(&containerd);
  if (containerd.pid == 0)
    say(doctor, HOST_WARNING, "containerd", "start it: systemctl start containerd",
        hp_strdup("containerd does not run"));
  else
    say(doctor, containerd.privileged ? HOST_OK : HOST_PROBLEM, "containerd",
        "run containerd as root: rootless containerd cannot make HostProcess containers",
        hp_printf("containerd (pid %u) runs as uid %s", containerd.pid,
                  containerd.account ? containerd.account : "?"));
  host_containerd_clear(&containerd);
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
static void examine_capabilities(const struct doctor *doctor) {
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
  uint64_t have = effective_capabilities();
  size_t missing = 0;
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
    if (have >> needed[i].bit & 1)
      continue;
    missing++;
    say(doctor, needed[i].health, "capabilities", "give it to the account, or take the restriction away",
        hp_printf("%s is missing: without it the shim cannot %s", needed[i].name, needed[i].lost));
  }
  if (missing == 0)
    say(doctor, HOST_OK, "capabilities", NULL, hp_strdup("all that are needed"));
}

static void examine_cgroups(const struct doctor *doctor) {
  const unsigned wanted =
      HP_CONTROLLER_CPU | HP_CONTROLLER_MEMORY | HP_CONTROLLER_PIDS | HP_CONTROLLER_IO | HP_CONTROLLER_CPUSET;
  struct hp_cgroup_layout layout;
  struct hp_error err = HP_ERROR_INIT;
  unsigned there = 0;
  if (hp_cgroup_layout_read(&layout, &err) != 0) {
    say_error(doctor, "cgroups", "mount cgroup2 on /sys/fs/cgroup", &err);
    hp_cgroup_layout_clear(&layout);
    return;
  }
  for (size_t i = 0; i < layout.count; i++)
    there |= layout.items[i].controllers;
  char *have = hp_controllers_format(layout.version, there);
  char *lost = hp_controllers_format(layout.version, wanted & ~there);
  say(doctor, HOST_OK, "cgroups", NULL, hp_printf("version %u with %s", layout.version, have));
  if (*lost)
    say(doctor, HOST_WARNING, "controllers",
        layout.version == 2 ? "enable them in /sys/fs/cgroup/cgroup.subtree_control"
                            : "mount them below /sys/fs/cgroup",
        hp_printf("%s: limits of these kinds are refused", lost));
  free(lost);
  free(have);
  hp_cgroup_layout_clear(&layout);
}

static void examine_ledger(const struct doctor *doctor) {
  json_t *claims;
  struct hp_error err = HP_ERROR_INIT;
  if (hp_ledger_read(&claims, &err) != 0) {
    say_error(doctor, "ledger", "see the message: containers with accounts or mounts cannot be made", &err);
    return;
  }
  say(doctor, HOST_OK, "ledger", NULL, hp_printf("it holds %zu claims", json_array_size(claims)));
  json_decref(claims);
}

static void examine_volume_base(const struct doctor *doctor) {
  struct hp_error err = HP_ERROR_INIT;
  if (hp_mount_point_base(false, &err) == 0)
    say(doctor, HOST_OK, "volumes", NULL, hp_strdup(HP_VOLUME_BASE " is free, or root's"));
  else
    say_error(doctor, "volumes", "move " HP_VOLUME_BASE " away", &err);
}

static void examine_sockets(const struct doctor *doctor, const char *directory) {
  struct stat found;
  if (!directory)
    directory = "/run/containerd/s";
  if (stat(directory, &found) != 0) {
    bool missing = errno == ENOENT;
    say(doctor, missing ? HOST_OK : HOST_PROBLEM, "sockets", "give root access to it",
        missing ? hp_printf("%s is made when the first shim starts", directory)
                : hp_printf("%s cannot be looked at: %s", directory, strerror(errno)));
    return;
  }
  bool open_to_others = (found.st_mode & (S_IWGRP | S_IWOTH)) && !(found.st_mode & S_ISVTX);
  bool good = S_ISDIR(found.st_mode) && hp_trusted_uid(found.st_uid) && !open_to_others;
  say(doctor, good ? HOST_OK : HOST_PROBLEM, "sockets",
      "others could put a socket there: `chown root` and `chmod go-w` it",
      hp_printf("%s (uid %u, mode %04o)", directory, (unsigned)found.st_uid,
                (unsigned)found.st_mode & 07777u));
}

void host_examine(const char *socket_dir, host_say saying, void *arg) {
  const struct doctor doctor = {saying, arg};
  examine_kernel(&doctor);
  examine_account(&doctor);
  examine_capabilities(&doctor);
  examine_containerd(&doctor);
  examine_cgroups(&doctor);
  examine_volume_base(&doctor);
  examine_ledger(&doctor);
  examine_sockets(&doctor, socket_dir);
}
