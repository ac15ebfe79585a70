#!/usr/bin/env bash
# The Windows half of scripts/bench.sh: our exe beside hcsshim's shim, under Wine.
#   scripts/bench.sh --windows [--quick] [--json FILE]
#   scripts/bench.sh --windows --soak [--count] [--execs N] [--json FILE]
# --soak runs 2,500 execs in one shim of ours and then 5,000 more, watches what it grows by, and
# does the same with a program that only creates the processes. --count has an executable built
# whose allocations are counted, and looks at what it holds of the C heap instead.
# --quick measures once and briefly: whether it works, not how fast.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

turns=5 seconds=3 json='' soak='' count='' execs=''
while [ $# -gt 0 ]; do
	case $1 in
	--soak) soak=yes ;;
	--count) count=yes ;;
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
[ -z "$count" ] || [ -n "$soak" ] || die "--count is for --soak"
execs=${execs:-$([ -n "$count" ] && echo 1000 || echo 5000)}
json=${json:-$build/bench-windows${soak:+-soak}${count:+-count}.json}
shim=containerd-shim-hostprocess-v1
ours=$build/windows-release/$shim.exe
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
cmake --build "$bench" --target ttrpc_load floor_empty floor_exec floor_start floor_pipe >"$build/ninja-bench-windows.log" 2>&1 ||
	{ tail "$build/ninja-bench-windows.log"; die "the build failed"; }
if [ -n "$count" ]; then # not optimised across files: the linker would miss calls to wrap
	counted=$build/bench-windows-count
	cmake -S "$root" --preset windows -B "$counted" -DHP_COUNT_HEAP=ON >"$build/cmake-bench-windows.log" 2>&1 ||
		{ tail "$build/cmake-bench-windows.log"; die "cmake failed"; }
	cmake --build "$counted" --target shim >"$build/ninja-bench-windows.log" 2>&1 ||
		{ tail "$build/ninja-bench-windows.log"; die "the build failed"; }
	ours=$counted/$shim.exe
fi
(cd "$root/tests/bench/shims" && GOOS=windows GOARCH=amd64 CGO_ENABLED=0 go build -o "$bench/bench.exe" ./wine)
# Pages of a program that are not on the disk yet would count as its processes' own.
sync

# In each process Wine searches its list of zones for the machine's. In the first of
# them it has found it: what is measured is the shims' (docs/windows.md).
export TZ=${TZ:-AFT-4:30}
say "# TZ=$TZ"
export WINEPREFIX=$build/wine-bench
"$root/scripts/wine.sh" setup
"$root/scripts/wine.sh" stop
rm -rf "$WINEPREFIX/drive_c/hpc" # what a run that was ended halfway left
trap '"$root/scripts/wine.sh" stop' EXIT
trap 'exit 1' INT TERM
windows() { printf 'Z:%s' "${1//\//\\}"; }
what=(-turns "$turns" -seconds "$seconds" -peer "$(windows "${hcsshim:-}")")
[ -z "$soak" ] || what=(${count:+-count} -soak "$execs" -soak-data "$(windows "$build/bench-windows-soak.dat")")
timeout -k 10 3600 "$root/scripts/wine.sh" run "$bench/bench.exe" \
	-ours "$(windows "$ours")" \
	-load "$(windows "$bench/tests/bench/ttrpc_load.exe")" -empty "$(windows "$bench/tests/bench/floor_empty.exe")" \
	-start "$(windows "$bench/tests/bench/floor_start.exe")" -pipe "$(windows "$bench/tests/bench/floor_pipe.exe")" \
	-exec "$(windows "$bench/tests/bench/floor_exec.exe")" "${what[@]}" \
	-json "$(windows "$json")" </dev/null
