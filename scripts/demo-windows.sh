#!/usr/bin/env bash
# The Windows half of scripts/demo.sh: the unmodified containerd.exe and ctr.exe
# 2.4.2 start, probe and stop a HostProcess container through the Windows shim,
# under Wine. Reached by scripts/demo.sh --windows.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || die "Wine is entered in a root of its own: run this as root"
say "# set up and build"
need_packages ca-certificates cmake ninja-build protobuf-c-compiler protobuf-compiler \
	gcc-mingw-w64-x86-64 dpkg-dev procps
need_windows_containerd
"$root/scripts/windows-deps.sh" 2>>"$build/windows-deps.log"
build_preset windows-release
# A Windows of the demo's own: what a demo that was ended halfway left in it, goes.
export WINEPREFIX=$build/wine-demo
"$root/scripts/wine.sh" setup
"$root/scripts/wine.sh" stop
rm -rf "$WINEPREFIX/drive_c/hpc"

dir=$(mktemp -d /tmp/hostprocess-demo.XXXXXX)
name=hostprocess-demo-$$
finish() {
	local status=$?
	"$root/scripts/wine.sh" stop || status=1
	[ $status -eq 0 ] || { say "# the demo FAILED; containerd's log:"; tail -n 20 "$dir/containerd.log" || true; }
	rm -rf "$dir"
	exit $status
}
trap finish EXIT
trap 'exit 1' INT TERM

# windows PATH prints how Wine names a path of this machine.
windows() { printf 'Z:%s' "${1//\//\\}"; }

# wine LIMIT PROGRAM ARG… runs a Windows program for at most LIMIT seconds.
wine() {
	local limit=$1
	shift
	timeout -k 5 "$limit" "$root/scripts/wine.sh" run "$@" </dev/null
}

ctr() { wine 120 "$windows_containerd_bin/ctr.exe" --address "\\\\.\\pipe\\$name" --namespace demo "$@"; }

# show ARG… prints a ctr command as a person would type it, and runs it.
show() {
	local line="$*" status=0
	line=${line//"$(windows "$dir")\\"/}
	printf '> ctr %s\n' "${line//"file:///Z:$dir/"/file:\/\/}"
	ctr "$@" >"$dir/stdout" 2>"$dir/stderr" || status=$?
	tr -d '\r' <"$dir/stdout"
	show_errors
	return $status
}

# ctr's own debug lines are not what a person asks for.
show_errors() { tr -d '\r' <"$dir/stderr" | grep -v '^time=.*level=\(debug\|info\)' || true; }

# wait_for SECONDS COMMAND… until it succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || die "gave up waiting for: $*"
		sleep 0.5
	done
}

expect() {
	[ "$1" = "$2" ] || die "$3: expected \"$2\", got \"$1\""
}

# leftovers prints what there still is of the demo's containers.
leftovers() {
	"$root/scripts/wine.sh" ps | grep -E 'containerd-shim-hostprocess|ping -n 60' || true
	find "$dir/state" -path '*demo*' -name hostprocess.journal 2>/dev/null || true
	grep -rho '"kind":"[^"]*"' "$dir/shim-state" 2>/dev/null || true
	find "$WINEPREFIX/drive_c/hpc" -mindepth 1 2>/dev/null || true
}

nothing_left() { [ -z "$(leftovers)" ]; }

# write_spec NAME COMMAND_LINE_FOR_CMD
write_spec() {
	local image
	image=$(windows "$dir/image")
	cat >"$dir/$1.json" <<JSON
{"ociVersion": "1.1.0",
 "process": {"args": ["cmd.exe", "/d", "/c", "$2"], "cwd": "C:\\\\", "env": [],
             "user": {"username": "NT AUTHORITY\\\\Local service"}},
 "root": {"path": "${image//\\/\\\\}"}, "windows": {"layerFolders": []},
 "annotations": {"microsoft.com/hostprocess-container": "true"}}
JSON
}

mkdir -p "$dir/image" "$dir/shim-state"
printf 'a file of the image\r\n' >"$dir/image/motd"
write_spec once 'echo hello from Windows& type %CONTAINER_SANDBOX_MOUNT_POINT%\\motd& exit 7'
write_spec stays 'echo started& for /l %n in (0,0,1) do ping -n 60 127.0.0.1 >NUL'
cat >"$dir/config.toml" <<TOML
version = 3
root = '$(windows "$dir/root")'
state = '$(windows "$dir/state")'
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images", "io.containerd.nri.v1.nri"]
[grpc]
  address = '\\\\.\\pipe\\$name'
[ttrpc]
  address = '\\\\.\\pipe\\$name-ttrpc'
TOML

WINEPATH=$(windows "$build/windows-release") HOSTPROCESS_STATE_DIR=$(windows "$dir/shim-state") \
	"$root/scripts/wine.sh" run "$windows_containerd_bin/containerd.exe" \
	--config "$(windows "$dir/config.toml")" >"$dir/containerd.log" 2>&1 </dev/null &
wait_for 120 ctr version

say
say "# $(wine 60 "$windows_containerd_bin/containerd.exe" --version | awk '{print $1, $3}') for Windows, under Wine"
say "# a HostProcess container: its output and its exit code"
status=0
show run --config "$(windows "$dir/once.json")" --runtime io.containerd.hostprocess.v1 once || status=$?
say "exit code $status"
expect "$status" 7 "the exit code"
expect "$(tr -d '\r' <"$dir/stdout")" "$(printf 'hello from Windows\na file of the image')" "the output"
ctr container rm once

say "# one that stays: start, probe, metrics, log"
show run --detach --config "$(windows "$dir/stays.json")" --runtime io.containerd.hostprocess.v1 \
	--log-uri "file:///Z:$dir/stays.log" stays
show task ls
grep -q 'stays .*RUNNING' "$dir/stdout" || die "the container does not run"
status=0
show task exec --exec-id probe stays cmd.exe /d /c "echo the probe is in %CONTAINER_SANDBOX_MOUNT_POINT%& exit 3" || status=$?
say "exit code $status"
expect "$status" 3 "the probe's exit code"
grep -q 'the probe is in .' "$dir/stdout" || die "the probe's output is missing"
show task metrics stays
wait_for 60 grep -q started "$dir/stays.log"
say "> type stays.log"
tr -d '\r' <"$dir/stays.log"
# The list at the end proves something only if it finds what a container has while it runs.
leftovers >"$dir/found"
for mark in containerd-shim-hostprocess 'ping -n 60' hostprocess.journal mount-point hpc/stays; do
	grep -qF "$mark" "$dir/found" || { cat "$dir/found"; die "no trace of $mark while the container runs"; }
done
say "# a program that is not there is an error, not a started container"
! show task exec --exec-id bad stays no-such-program || die "a program that is not there was started"
grep -q no-such-program "$dir/stderr" || die "the error does not name the program"
say "# stop"
show task kill --signal SIGKILL stays
stopped() { ctr task ls >"$dir/tasks" && grep -q 'stays .*STOPPED' "$dir/tasks"; }
wait_for 60 stopped
show task rm stays
grep -q 'exit code 137' "$dir/stderr" || die "what SIGKILL ended has another exit code than 137"
show container rm stays
say "# what is left of it:"
(wait_for 60 nothing_left) 2>/dev/null || true
left=$(leftovers)
say "${left:-nothing}"
! grep -q 'removing file binding' "$dir/containerd.log" ||
	say "# (containerd's own bundle folders stay: it unmounts their rootfs by bindfltapi.dll, which Wine lacks)"
[ -z "$left" ]
say
say "demo: done"
