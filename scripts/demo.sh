#!/usr/bin/env bash
# Sets up, builds, and shows the main job: a real containerd starts, probes,
# updates, logs and stops a HostProcess container through our shim. It is done
# with the system's containerd and with 2.4.2, and ends with what is left: nothing.
# With --windows it is done by the Windows shim and containerd.exe, under Wine.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

case $* in
'') ;;
--windows) exec "$root/scripts/demo-windows.sh" ;;
*) die "usage: demo.sh [--windows]" ;;
esac
[ "$(id -u)" = 0 ] || die "a HostProcess container is a process of the host under another account: run this as root"
say "# set up and build"
need_build_packages
need_packages containerd procps
need_go
need_containerd
build_preset release
update=$build/demo-update
(cd "$root/tests/e2e" && go build -o "$update" ./cmd/update)

dir=$(mktemp -d /tmp/hostprocess-demo.XXXXXX)
chmod 755 "$dir"
export CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS=1
server=
finish() {
	local status=$?
	[ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
	[ $status -eq 0 ] || { say "# the demo FAILED; containerd's log:"; tail -n 20 "$dir/containerd.log" || true; }
	rm -rf "$dir"
}
trap finish EXIT

# show COMMAND… prints the command as a person would type it, and runs it.
show() {
	local line="${*//$dir\//}"
	printf "$ %s\n" "${line//$build\/demo-/}"
	"$@"
}

wait_for() {
	local i
	for ((i = 0; i < 300; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	die "gave up waiting for: $*"
}

# leftovers prints what there still is of the demo's containers on this host.
leftovers() {
	pgrep -af -- "^[^ ]*containerd-shim-hostprocess-v1 .*$dir" || true
	grep -o ' /hpc[^ ]*' /proc/self/mountinfo || true
	find /sys/fs/cgroup -type d -path '*hostprocess/demo*' 2>/dev/null || true
	grep -o '"kind":"[^"]*"' "$dir/shim-state/ledger.json" || true
	[ ! -e /var/run/demo-config ] || echo /var/run/demo-config
}

nothing_left() { [ -z "$(leftovers)" ]; }

write_spec() {
	local file=$1 root_path=$2
	shift 2
	local args
	args=$(printf ',"%s"' "$@")
	cat >"$file" <<JSON
{"ociVersion": "1.1.0", "hostname": "",
 "process": {"args": [${args:1}], "cwd": "/", "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
             "user": {"username": "NT AUTHORITY\\\\Local service"}},
 "root": {"path": "$root_path"}, "linux": {"resources": {"memory": {"limit": 67108864}}},
 "mounts": [{"destination": "/var/run/demo-config", "source": "$dir/config", "type": "bind", "options": ["rbind", "ro"]}],
 "annotations": {"microsoft.com/hostprocess-container": "true"}}
JSON
}

demo() {
	local containerd=$1 ctr=$2 run=$dir/c.sock
	say
	say "# $("$containerd" --version | awk '{print $1, $3}')"
	rm -rf "$dir/root" "$dir/state"
	PATH=$build/release:$PATH HOSTPROCESS_STATE_DIR=$dir/shim-state \
		"$containerd" --config "$dir/config.toml" >"$dir/containerd.log" 2>&1 &
	server=$!
	ctr() { "$ctr" --address "$run" --namespace demo "$@"; }
	wait_for "$ctr" --address "$run" version

	say "# a HostProcess container: a process of this host, with an image's files and a mount of its own"
	show ctr run --config "$dir/once.json" --runtime io.containerd.hostprocess.v1 once
	say "# one that stays: start, probe, update, log"
	show ctr run --detach --config "$dir/stays.json" --runtime io.containerd.hostprocess.v1 --log-uri "file://$dir/stays.log" stays
	show ctr task ls
	show ctr task exec --exec-id probe stays sh -c 'echo the probe runs as $(id -u) in $(pwd)'
	show "$update" "$run" demo stays 134217728
	show ctr task metrics stays | grep -E 'ID|memory.*usage' || true
	wait_for grep -q beat "$dir/stays.log"
	show head -n 2 "$dir/stays.log"
	say "# a program that is not there is an error, not a started container"
	show ctr task exec --exec-id bad stays no-such-program || true
	say "# stop"
	show ctr task kill --signal SIGKILL stays
	wait_for sh -c "! '$ctr' --address '$run' --namespace demo task ls | grep -q RUNNING"
	show ctr task rm stays || true
	show ctr container rm stays
	say "# what is left of it:"
	wait_for nothing_left
	local left
	left=$(leftovers)
	say "${left:-nothing}"
	kill "$server"
	wait "$server" || true
	server=
	[ -z "$left" ]
}

mkdir -p "$dir/image/etc" "$dir/config"
echo "a file of the image" >"$dir/image/etc/motd"
echo "a file of the mount" >"$dir/config/setting"
write_spec "$dir/once.json" "$dir/image" sh -c 'echo hello from $(hostname), uid $(id -u); pwd; cat etc/motd /var/run/demo-config/setting'
write_spec "$dir/stays.json" "$dir/image" sh -c 'while :; do echo beat; sleep 1; done'
cat >"$dir/config.toml" <<TOML
version = 2
root = "$dir/root"
state = "$dir/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images", "io.containerd.nri.v1.nri"]
[grpc]
  address = "$dir/c.sock"
[ttrpc]
  address = "$dir/c.sock.ttrpc"
TOML

demo "$(command -v containerd)" "$(command -v ctr)"
demo "$containerd_bin/containerd" "$containerd_bin/ctr"
say
say "demo: done"
