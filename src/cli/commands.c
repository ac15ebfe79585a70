/* The table of commands, and every word of help there is. */
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"

#if defined(_WIN32)
#define STATE_DIR "%ProgramData%\\hostprocess-shim"
#define POLICY_FILE STATE_DIR "\\policy.json"
#define VOLUME "C:\\hpc"
#define CONTAINERD_STATE "%ProgramData%\\containerd\\state"
#define CONTAINERD_CONFIG "%ProgramFiles%\\containerd\\config.toml"
#define SOCKETS                                                                                              \
  "\\\\.\\pipe\\ProtectedPrefix\\Administrators\\containerd-shim-*-pipe\tthe addresses of the shims\n"
#else
#define STATE_DIR "/var/lib/hostprocess-shim"
#define POLICY_FILE "/etc/hostprocess-shim/policy.json"
#define VOLUME "/hpc"
#define CONTAINERD_STATE "/run/containerd"
#define CONTAINERD_CONFIG "/etc/containerd/config.toml"
#define SOCKETS "/run/containerd/s/\tthe sockets of the shims\n"
#endif

const char hp_help_about[] =
    "A containerd runtime shim for HostProcess containers: processes of the host itself, with the host's "
    "network and devices, in a job with limits, under an account that the pod names. containerd runs this "
    "program for each pod of the runtime type io.containerd.hostprocess.v1 and drives it over ttrpc.";

const char hp_help_environment[] =
    "TTRPC_ADDRESS\twhere events are published; without it nothing is published\n"
    "HOSTPROCESS_POLICY\tthe node policy, if the runtime options name none\n"
    "HOSTPROCESS_STATE_DIR\twhere the persistent ledger is kept, instead of " STATE_DIR "\n"
    "NO_COLOR\tif set and not empty, no output has colours\n";

const char hp_help_files[] =
    "BUNDLE/hostprocess.journal\twhat was made on the host for the container\n" POLICY_FILE
    "\tthe node policy\n" STATE_DIR "\tthe ledger: what outlives a bundle or a boot\n" VOLUME
    "\twhere a container sees its volume\n" SOCKETS;

#define CONTAINERD_OPTIONS                                                                                   \
  "namespace NS\tcontainerd's namespace\n"                                                                   \
  "id ID\tthe container's id\n"                                                                              \
  "address PATH\tcontainerd's gRPC address; part of the shim's own address\n"                                \
  "bundle DIR\tthe bundle; the working directory if not given\n"                                             \
  "socket PATH\tthe shim's own address, instead of the computed one\n"                                       \
  "publish-binary PATH\ttaken and not used\n"                                                                \
  "debug\tlog debug lines\n"
#define CONTAINERD_USAGE "-namespace NS -address PATH -id ID [-bundle DIR] [-socket PATH] [-debug]"
#define OUTPUT_OPTION "o|output FORMAT\ttext, or json for machines\n"
#define PLAIN_STATUSES "0\tdone\n1\tfailed; standard error says why\n2\twrong command line\n"

static const struct hp_command commands[] = {
    {
        .name = "start",
        .summary = "find or make the shim of a container (run by containerd)",
        .usage = CONTAINERD_USAGE,
        .text = "Finds or makes the shim for the container of the bundle, writes the files address and "
                "shim.pid there, prints the address, and returns once the shim accepts connections. Members "
                "of a pod join their sandbox's shim.\n"
                "Standard input holds containerd's bootstrap message, or runtime options, or nothing.",
        .options = CONTAINERD_OPTIONS,
        .statuses = PLAIN_STATUSES,
        .containerds = true,
    },
    {
        .name = "delete",
        .summary = "release what a dead shim left of a container (run by containerd)",
        .usage = CONTAINERD_USAGE,
        .text = "Releases what the journal of the bundle names and prints a serialized DeleteResponse. Run "
                "again, it goes on where it stopped. A living shim and its other containers are left alone.",
        .options = CONTAINERD_OPTIONS,
        .statuses = PLAIN_STATUSES,
        .containerds = true,
    },
    {
        .name = "serve",
        .summary = "be the shim (run by start)",
        .usage = CONTAINERD_USAGE,
        .text = "What start runs in the background where a program cannot fork. It cannot be run by hand: "
                "start tells it on its standard input what it is to be.",
        .options = CONTAINERD_OPTIONS,
        .statuses = PLAIN_STATUSES,
        .containerds = true,
        .hidden = true,
    },
    {
        .name = "validate",
        .summary = "say what would become of a manifest's or a config.json's containers",
        .usage = "[-o json] [--policy FILE] [--os windows|linux] [--on-this-node] FILE...",
        .text =
            "Reads Kubernetes manifests (Pod, Deployment, DaemonSet, StatefulSet, ReplicaSet, Job, CronJob, "
            "lists of them; YAML or JSON), OCI config.json files, and the PodSandboxConfig and "
            "ContainerConfig of the CRI in JSON. Each container is judged by the rules that judge it when "
            "containerd creates it. Shown are the verdict with every refusal, and what would come out: "
            "user, container volume, mounts, limits, command line, working directory and environment.\n"
            "It needs no cluster and no node. What only the node can answer is listed and is no refusal, "
            "unless --on-this-node is given. A FILE of - is standard input. A ContainerConfig belongs to "
            "the pod of the last PodSandboxConfig before it.",
        .options = OUTPUT_OPTION
        "policy FILE\tthe node policy to judge by; without it the built-in one, or this node's\n"
        "os windows|linux\tthe system to judge for; without it what the file is for: windows for "
        "manifests\n"
        "on-this-node\task this node what only a node can answer\n",
        .statuses = "0\teverything is accepted\n1\tsomething is refused\n2\ta file cannot be read, or the "
                    "command line is wrong\n",
        .run = hp_cli_validate,
    },
    {
        .name = "doctor",
        .summary = "check this host and containerd's configuration",
        .usage = "[-o json] [--containerd-config FILE] [--sockets DIR]",
        .text =
            "Looks at everything that HostProcess containers need of this host: the system, the account "
            "and its rights, what the system can do, the node policy, the program's place, and whether "
            "containerd's configuration (a file of version 2 or 3) has the runtime. Each line is ok, "
            "warning or problem; below it stands what to do, lines to copy included. Nothing is changed.\n"
            "Run it as the account that containerd runs as. Files that the configuration imports are read, "
            "too, up to 64 of them.",
        .options = OUTPUT_OPTION "containerd-config FILE\tcontainerd's configuration, " CONTAINERD_CONFIG
                                 " if not given\n"
                                 "sockets DIR\twhere shims have their sockets (Linux)\n",
        .statuses = "0\tall is well, or there are warnings only\n1\tthere are problems\n2\twrong command "
                    "line\n",
        .run = hp_cli_doctor,
    },
    {
        .name = "gc",
        .summary = "find and remove what dead shims left",
        .usage = "[--dry-run] [-o json] [--namespace NS] [--state DIR] [--sockets DIR]",
        .text =
            "Looks for containers whose shim has died and that nobody deleted: by the journals of their "
            "bundles and, where a bundle is gone, by the ledger, by names and by marks. It ends what "
            "still runs of them and removes what was made for them on this host. What a living shim "
            "holds is not touched; what two of them share stays until its last user is gone.\n"
            "It needs the rights of containerd's own account, and to see the same processes. Run again, it "
            "goes on where it stopped. It begins nothing after five minutes, and does no harm beside "
            "containerd, so it can run whenever the node's services start.",
        .options = "dry-run\tonly say what would be removed\n" OUTPUT_OPTION
                   "namespace NS\tonly containers of this namespace of containerd's (and dead addresses)\n"
                   "state DIR\tcontainerd's state directory, " CONTAINERD_STATE " if not given\n"
                   "sockets DIR\twhere shims have their sockets, if containerd names another directory "
                   "(Linux)\n",
        .statuses =
            "0\tnothing is left, or this was a dry run\n1\tsomething could not be removed, or nothing "
            "could be looked for\n2\twrong command line\n",
        .run = hp_cli_gc,
    },
    {
        .name = "info",
        .summary = "print what this runtime can do",
        .usage = "",
        .text =
            "Prints name, version and the OCI features as JSON. As the flag -info, which is how containerd "
            "asks, it reads runtime options from standard input and prints a serialized RuntimeInfo.",
        .options = "",
        .statuses = PLAIN_STATUSES,
        .run = hp_cli_info_text,
    },
    {
        .name = "version",
        .summary = "print the version",
        .usage = "",
        .text = "The flags -v and -version do the same.",
        .options = "",
        .statuses = PLAIN_STATUSES,
        .run = hp_cli_version,
    },
    {
        .name = "help",
        .summary = "show help for a command",
        .usage = "[COMMAND]",
        .text = "Without a command it lists all of them. Every command also takes -h and --help.",
        .options = "man\twrite the manual page instead, roff with man macros\n",
        .statuses = PLAIN_STATUSES,
        .run = hp_cli_help,
    },
};

const struct hp_command *hp_commands(size_t *count) {
  *count = sizeof commands / sizeof commands[0];
  return commands;
}

const struct hp_command *hp_command_find(const char *name) {
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
    if (strcmp(commands[i].name, name) == 0)
      return &commands[i];
  return NULL;
}
