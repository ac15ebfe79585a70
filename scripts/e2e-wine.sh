#!/usr/bin/env bash
# The behaviour suite, cross-compiled, run under Wine against the unmodified
# containerd.exe 2.4.2 and the Windows shim:
#   scripts/e2e-wine.sh [TEST_PATTERN]
# What it cannot have there is named, with the reason, in
# tests/windows-left-out.txt; a case of the Linux suite that is neither run nor
# named fails it. A top-level test that failed is run again by itself, at most
# twice, for Wine itself stumbles now and then; it is said to be flaky if it passes
# then, and fails the run if it never does.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

pattern=${1:-.}
[ "$(id -u)" = 0 ] || die "Wine is entered in a root of its own: run this as root"
list=$root/tests/windows-left-out.txt
folder=$build/e2e-wine
log=$build/e2e-wine.log
export WINEPREFIX=$build/wine-e2e

# windows PATH prints how Wine names a path of this machine.
windows() { printf 'Z:%s' "${1//\//\\}"; }

# names BINARY… prints the top-level tests that a test binary has.
names() { "$@" -test.list '^Test' </dev/null 2>/dev/null | tr -d '\r' | grep '^Test' | sort; }

build_suite() {
	mkdir -p "$folder/tools"
	(
		cd "$root/tests/e2e"
		go vet ./... && go test -c -o "$folder/linux.test" .
		export GOOS=windows GOARCH=amd64 CGO_ENABLED=0
		go vet ./... && go test -ldflags '-s -w' -c -o "$folder/e2e.exe" . &&
			go build -ldflags '-s -w' -o "$folder/tools/sh.exe" ./cmd/tools
	)
	local tool
	for tool in cat echo env false head logger logger-v2 of-the-image ping pwd sleep tail tr true whoami; do
		ln -f "$folder/tools/sh.exe" "$folder/tools/$tool.exe"
	done
}

# suite LIMIT ARG… runs the suite's program.
suite() {
	local limit=$1
	shift
	HP_CONTAINERD=$(windows "$windows_containerd_bin/containerd.exe") HP_SHIM_DIR=$(windows "$build/windows-release") \
		HP_TOOLS_DIR=$(windows "$folder/tools") HP_LEFT_OUT=$(windows "$list") HP_LANE=e2e-wine \
		timeout -k 10 "$limit" "$root/scripts/wine.sh" run "$folder/e2e.exe" "$@" </dev/null
}

# Status 0 alone proves nothing: it is also that of a program whose Wine server
# was ended under it.
run() {
	suite 1500 -test.v -test.timeout 20m -test.run "$1" 2>&1 | sed -u 's/\r//g' >"$2" || return $?
	grep -qx PASS "$2"
}

# The two suites' top-level tests, and the list: each of Linux' is in Windows' or
# in the list, and nothing is listed that Windows has or Linux has not.
check_list() {
	local test wrong=0
	names "$folder/linux.test" >"$folder/linux.names"
	suite 120 -test.list '^Test' 2>/dev/null | tr -d '\r' | grep '^Test' | sort >"$folder/windows.names"
	if [ ! -s "$folder/linux.names" ] || [ ! -s "$folder/windows.names" ]; then
		die "the suites do not tell their tests"
	fi
	! grep -vnP '^(#|$|Test[^\t]+\t[^\t]+$)' "$list" || die "$list: a line is not NAME<TAB>REASON"
	while read -r test; do
		grep -qP "^$test\t" "$list" || { say "$test is a test of Linux alone, and $list does not say why"; wrong=1; }
	done < <(comm -23 "$folder/linux.names" "$folder/windows.names")
	while read -r test; do
		grep -qx "${test%%/*}" "$folder/linux.names" || { say "$list names $test, which is no test"; wrong=1; }
	done < <(sed -n 's/\t.*//p' "$list" | grep '^Test')
	[ $wrong -eq 0 ] || exit 1
}

# What the run skipped is what the list says, no more and no less.
check_skips() {
	sed -n 's/^ *--- SKIP: \([^ ]*\) .*/\1/p' "$@" | sort -u >"$folder/skipped"
	{ comm -23 "$folder/linux.names" "$folder/windows.names" && cat "$folder/skipped"; } | sort >"$folder/left-out"
	sed -n 's/\t.*//p' "$list" | grep '^Test' | sort >"$folder/listed"
	local wrong
	wrong=$(comm -3 "$folder/left-out" "$folder/listed")
	[ -z "$wrong" ] || { say "skipped without being in $list, or in it without being skipped:" "$wrong"; exit 1; }
}

# once_more TESTS (with | between them) runs those that failed by themselves.
once_more() {
	local left=$1 try
	for try in 1 2; do
		say "e2e-wine: by themselves, try $try: $left"
		"$root/scripts/wine.sh" stop
		if run "^($left)\$" "$log.$try"; then
			say "e2e-wine: FLAKY, failed and passed alone: $1"
			return
		fi
		grep -v -E '^(=== | *--- PASS)' "$log.$try" | tail -n 120
		left=$(sed -n 's/^--- FAIL: \([^ /]*\).*/\1/p' "$log.$try" | sort -u | paste -sd '|')
		[ -n "$left" ] || die "e2e-wine failed before or after its tests; the whole log is $log.$try"
	done
	die "e2e-wine: failed three times: $left"
}

need_go
need_windows_containerd
build_suite
"$root/scripts/wine.sh" setup
"$root/scripts/wine.sh" stop
trap '"$root/scripts/wine.sh" stop' EXIT
trap 'exit 1' INT TERM
# What a run that was ended halfway left.
rm -rf "$WINEPREFIX/drive_c/hpc" "$WINEPREFIX"/drive_c/users/*/AppData/Local/Temp/*
check_list

status=0
rm -f "$log.1" "$log.2"
touch "$log.1" "$log.2"
run "$pattern" "$log" || status=$?
sed -n 's/^\(Test[^\t]*\)\t\(.*\)/LEFT OUT \1: \2/p' "$list"
say "e2e-wine: $(grep -cE '^ *--- PASS' "$log" || true) passed, $(grep -cE '^ *--- FAIL' "$log" || true) failed, $(grep -c '^Test' "$list" || true) left out"

if [ $status -ne 0 ]; then
	again=$(sed -n 's/^--- FAIL: \([^ /]*\).*/\1/p' "$log" | sort -u | paste -sd '|')
	grep -v -E '^(=== |--- PASS| *--- (PASS|SKIP))' "$log" | tail -n 120
	[ -n "$again" ] || die "e2e-wine failed before or after its tests (status $status); the whole log is $log"
	once_more "$again"
fi
[ "$pattern" != . ] || check_skips "$log" "$log.1" "$log.2"
