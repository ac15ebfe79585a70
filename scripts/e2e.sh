#!/usr/bin/env bash
# Runs the built behaviour suite against one containerd and one shim:
#   scripts/e2e.sh NAME CONTAINERD SHIM_DIR [TEST_PATTERN]
# A top-level test that failed is run once more by itself, and said to be
# flaky if it passes then; a test that fails twice fails the run.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

name=$1 containerd=$2 shim_dir=$3 pattern=${4:-.}
[ "$(id -u)" = 0 ] || die "the behaviour suite needs root: it makes cgroups, mounts and accounts"
log=$build/$name.log

# What a sanitizer finds in a shim, a daemon without a terminal, it writes here.
findings=$build/findings-$name
rm -rf "$findings"
mkdir -p "$findings"
chmod 1777 "$findings"
export ASAN_OPTIONS=log_path=$findings/asan:detect_leaks=1:strict_string_checks=1
export UBSAN_OPTIONS=log_path=$findings/ubsan:print_stacktrace=1
export TSAN_OPTIONS="log_path=$findings/tsan:second_deadlock_stack=1:suppressions=$root/tests/tsan-suppressions.txt"

run() {
	HP_CONTAINERD=$containerd HP_CTR=$(dirname "$containerd")/ctr HP_SHIM_DIR=$shim_dir HP_LANE=$name \
		"$build/e2e.test" -test.v -test.timeout 20m -test.run "$1" >"$2" 2>&1 </dev/null
}

report() {
	grep -E '^ *--- (FAIL|SKIP)|^(ok|FAIL|PASS|panic)' "$1" || true
}

cd "$root/tests/e2e"
status=0
run "$pattern" "$log" || status=$?
say "$name: $(grep -cE '^ *--- PASS' "$log" || true) passed, $(grep -cE '^ *--- FAIL' "$log" || true) failed, $(grep -cE '^ *--- SKIP' "$log" || true) skipped"
grep -E -A 2 '^ *--- SKIP' "$log" || true

# Under CI a skip must be in the list.
if [ "${CI:-}" = true ]; then
	while read -r skipped; do
		grep -qx "e2e $skipped" "$root/tests/allowed-skips.txt" || die "the skip of $skipped is not in tests/allowed-skips.txt"
	done < <(sed -n 's/^ *--- SKIP: \([^ ]*\).*/\1/p' "$log")
fi

if [ $status -ne 0 ]; then
	report "$log"
	again=$(sed -n 's/^--- FAIL: \([^ /]*\).*/\1/p' "$log" | sort -u | paste -sd '|')
	grep -v -E '^(=== |--- PASS| *--- PASS)' "$log" | tail -n 120
	[ -n "$again" ] || die "$name failed before or after its tests (status $status); the whole log is $log"
	say "$name: once more, by themselves: $again"
	run "^($again)\$" "$log.again" || { grep -v -E '^(=== | *--- PASS)' "$log.again" | tail -n 120; die "$name: failed twice: $again"; }
	say "$name: FLAKY, failed once and passed alone: $again"
fi

if [ -n "$(ls -A "$findings")" ]; then
	head -n 60 "$findings"/*
	die "$name: a sanitizer found something in a shim"
fi
