#!/usr/bin/env bash
# The Windows half of scripts/bench.sh: our exe beside hcsshim's shim, under Wine.
#   scripts/bench.sh --windows [--quick] [--json FILE]
#   scripts/bench.sh --windows --soak [--execs N] [--json FILE]
# --soak runs 5,000 execs in one shim of ours and watches what it grows by.
# --quick measures once and briefly: whether it works, not how fast.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

turns=5 seconds=3 json='' soak='' execs=5000
while [ $# -gt 0 ]; do
	case $1 in
	--soak) soak=yes ;;
	--execs)
		execs=$2
		shift
		;;
	--quick) turns=1 seconds=0.5 ;;
	--json)
		json=$2
		shift
		;;
	*) die "unknown option $1" ;;
	esac
	shift
done
json=${json:-$build/bench-windows${soak:+-soak}.json}
[ "$(id -u)" = 0 ] || die "Wine is entered in a root of its own: run this as root"
need_packages ca-certificates cmake ninja-build protobuf-c-compiler protobuf-compiler \
	gcc-mingw-w64-x86-64 dpkg-dev
need_go
[ -n "$soak" ] || need_hcsshim
"$root/scripts/windows-deps.sh" 2>>"$build/windows-deps.log"
build_preset windows-release
bench=$build/bench-windows
cmake -S "$root" --preset windows-release -B "$bench" -DHP_TESTS=ON >"$build/cmake-bench-windows.log" 2>&1 ||
	{ tail "$build/cmake-bench-windows.log"; die "cmake failed"; }
cmake --build "$bench" --target ttrpc_load floor_empty floor_start floor_pipe >"$build/ninja-bench-windows.log" 2>&1 ||
	{ tail "$build/ninja-bench-windows.log"; die "the build failed"; }
(cd "$root/tests/bench/shims" && GOOS=windows GOARCH=amd64 CGO_ENABLED=0 go build -o "$bench/bench.exe" ./wine)
# Pages of a program that are not on the disk yet would count as its processes' own.
sync

export WINEPREFIX=$build/wine-bench
"$root/scripts/wine.sh" setup
"$root/scripts/wine.sh" stop
rm -rf "$WINEPREFIX/drive_c/hpc" # what a run that was ended halfway left
trap '"$root/scripts/wine.sh" stop' EXIT
trap 'exit 1' INT TERM
windows() { printf 'Z:%s' "${1//\//\\}"; }
what=(-turns "$turns" -seconds "$seconds" -peer "$(windows "${hcsshim:-}")")
[ -z "$soak" ] || what=(-soak "$execs" -soak-data "$(windows "$build/bench-windows-soak.dat")")
timeout -k 10 1800 "$root/scripts/wine.sh" run "$bench/bench.exe" \
	-ours "$(windows "$build/windows-release/containerd-shim-hostprocess-v1.exe")" \
	-load "$(windows "$bench/tests/bench/ttrpc_load.exe")" -empty "$(windows "$bench/tests/bench/floor_empty.exe")" \
	-start "$(windows "$bench/tests/bench/floor_start.exe")" -pipe "$(windows "$bench/tests/bench/floor_pipe.exe")" "${what[@]}" \
	-json "$(windows "$json")" </dev/null
