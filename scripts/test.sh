#!/usr/bin/env bash
# Sets up, builds and runs every test: scripts/test.sh [LANE…]
# Each lane prints its time; a lane that fails does not stop the others. What a
# lane skips is printed with its reason, and so is a test that failed once and
# passed when it was run again by itself. Under CI only the skips that
# tests/allowed-skips.txt names are allowed.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

all_lanes="setup build clang release unit valgrind asan tsan windows wine e2e-wine ttrpc e2e-debian e2e e2e-asan e2e-tsan crash vm fuzz tidy cppcheck lint docs kit coverage conformance"
shim="containerd-shim-hostprocess-v1"

lane_setup() {
	need_build_packages
	need_packages clang clang-tidy libclang-rt-dev llvm cppcheck valgrind gcovr containerd runc binutils \
		strace iproute2 procps
	need_go
	need_containerd
}

lane_build() { build_preset dev; }

lane_clang() { build_preset clang; }

# The hardened build: its size, and that the hardening is really in it.
lane_release() {
	build_preset release
	local exe=$build/release/$shim size
	strip -o "$exe.stripped" "$exe"
	size=$(stat -c %s "$exe.stripped")
	say "stripped executable: $size bytes (limit 409600)"
	[ "$size" -le 409600 ]
	# Into a file: under pipefail a grep that ends early would fail the writer.
	readelf -W -h -d -l -s "$exe" >"$build/release.readelf"
	local mark
	for mark in 'Type:.*DYN' BIND_NOW GNU_RELRO __stack_chk_fail '__.*_chk@'; do
		grep -q "$mark" "$build/release.readelf" || { say "the executable lacks $mark"; return 1; }
	done
	# The linker drops the IBT mark where the C library's start-up files lack it: look at our own code.
	[ "$(objdump -d "$exe" | grep -c endbr64)" -gt 100 ]
}

# allowed_skips passes its input on. A line of it "SKIP LANE PROGRAM: REASON" must
# be in tests/allowed-skips.txt; under CI one that is not fails.
allowed_skips() {
	awk -v list="$root/tests/allowed-skips.txt" '
		function allowed(lane, program, reason,    key, i) {
			key = lane " " program
			for (i = 1; i <= count[key]; i++)
				if (index(reason, reasons[key, i]) == 1)
					return 1
			return 0
		}
		BEGIN {
			while ((getline line < list) > 0) {
				if (line !~ /^# /) {
					split(line, words, " ")
					lanes = split(words[1], lane, ",")
				} else {
					for (i = 1; i <= lanes; i++) {
						key = lane[i] " " words[2]
						reasons[key, ++count[key]] = substr(line, 3)
					}
				}
			}
		}
		{ print; fflush() }
		/^SKIP / {
			colon = index($0, ": ")
			if (!allowed($2, substr($3, 1, length($3) - 1), substr($0, colon + 2))) {
				print "this skip is not in tests/allowed-skips.txt: " $0 > "/dev/stderr"
				unknown = 1
			}
		}
		END { exit unknown && ENVIRON["CI"] == "true" }
	'
}

# units LANE PRESET: the unit programs of a preset, and what they skipped.
units() {
	local status=0
	ctest --preset "$2" -j 2 -LE go --repeat until-pass:2 || status=$?
	awk -v lane="$1" '
		/^[0-9]+\/[0-9]+ Test: / { program = "unit_" $3 }
		sub(/^skipped: /, "") { print "SKIP " lane " " program ": " $0 }
	' "$build/$2/Testing/Temporary/LastTest.log" | sort -u | allowed_skips || status=1
	return $status
}

lane_unit() { units unit dev; }

# valgrind_unit PROGRAM runs one under valgrind and prints what it skipped, or
# why it failed.
valgrind_unit() {
	local name log status=0
	name=$(basename "$1")
	log=$build/valgrind-$name.log
	CK_FORK=no CK_DEFAULT_TIMEOUT=0 CK_VERBOSITY=silent timeout 600 valgrind -q --leak-check=full \
		--show-leak-kinds=definite,indirect,possible --errors-for-leak-kinds=definite,indirect --error-exitcode=9 \
		--trace-children=no "$1" >"$log" 2>&1 </dev/null || status=$?
	sed -n "s/^skipped: /SKIP valgrind $name: /p" "$log" | sort -u
	[ $status -ne 0 ] || return 0
	{
		printf 'FAIL valgrind %s (%s)\n' "$name" "$status"
		tail -n 40 "$log"
	} >&2
	return 1
}

lane_valgrind() {
	build_preset dev
	local unit name units=()
	for unit in "$build"/dev/tests/unit/unit_*; do
		name=$(basename "$unit")
		[ -e "$root/tests/unit/${name#unit_}.c" ] || continue # built before its source went
		units+=("$unit")
	done
	export -f valgrind_unit
	export build
	# shellcheck disable=SC2016
	printf '%s\0' "${units[@]}" | xargs -0 -P 2 -n 1 bash -c 'valgrind_unit "$1"' valgrind_unit | allowed_skips
}

lane_asan() {
	build_preset asan
	ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 units asan asan
}

lane_tsan() {
	build_preset tsan
	TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:suppressions=$root/tests/tsan-suppressions.txt" units tsan tsan
}

# windows_arm64: the Windows program's sources also pass clang for ARM64, without
# extensions to C11. mingw-w64's headers serve both processors; nothing is linked.
windows_arm64() {
	find "$root/src" -name '*.c' -not -path '*/linux/*' -print0 |
		xargs -0 -P 2 -n 8 clang --target=aarch64-w64-windows-gnu -fsyntax-only -std=c11 -Wpedantic -Wall -Wextra \
			-Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wundef -Werror \
			-isystem /usr/x86_64-w64-mingw32/include -isystem "$build/windows-deps/include" -isystem "$build/windows/proto" \
			-I "$root/src" -I "$root/include" -D_GNU_SOURCE -D__USE_MINGW_ANSI_STDIO=1 -DUNICODE -D_UNICODE \
			-DWIN32_LEAN_AND_MEAN -DNTDDI_VERSION=0x0A000006 -DHP_VERSION='"0"'
}

# The Windows program with mingw-w64, warnings as errors: its size, its hardening,
# and that it wants no DLL before main but those that tests/windows-dlls.txt names,
# all of which Windows takes from System32 alone (KnownDLLs).
lane_windows() {
	need_packages gcc-mingw-w64-x86-64 dpkg-dev clang
	"$root/scripts/windows-deps.sh"
	build_preset windows
	build_preset windows-release
	windows_arm64
	local exe=$build/windows-release/$shim.exe headers=$build/windows-release.headers size dll mark
	size=$(stat -c %s "$exe")
	say "Windows executable: $size bytes (limit 1048576)"
	[ "$size" -le 1048576 ]
	x86_64-w64-mingw32-objdump -p "$exe" >"$headers"
	sed -n 's/^.*DLL Name: *//p' "$headers" | tr '[:upper:]' '[:lower:]' | sort -u >"$headers.dlls"
	[ -s "$headers.dlls" ] || { say "no import table was found"; return 1; }
	while read -r dll; do
		grep -qx "$dll" "$root/tests/windows-dlls.txt" || { say "the executable wants $dll, which tests/windows-dlls.txt does not name"; return 1; }
	done <"$headers.dlls"
	# What would load others before main can say that only System32 counts (src/windows/guard.c).
	! grep -E 'CryptAcquireContext|SystemFunction036' "$headers" || { say "the executable imports a function that loads DLLs from beside it"; return 1; }
	for mark in DYNAMIC_BASE HIGH_ENTROPY_VA NX_COMPAT; do
		grep -q "^[[:space:]]*$mark\$" "$headers" || { say "the executable lacks $mark"; return 1; }
	done
	no_test_hooks "$exe" "$headers"
	"$root/scripts/windows-coverage.sh" --check
}

# no_test_hooks EXE HEADERS: nothing of winsim is in the product, neither as text
# nor as an export; that the words are found where they are is looked at first.
no_test_hooks() {
	local word exe
	for word in winsim_ WINSIM_STATE; do
		grep -aq "$word" "$build/windows/tests/unit/unit_host_windows_lifecycle.exe" || { say "no $word is in the unit program: the search is wrong"; return 1; }
		for exe in "$1" "$build/windows/$shim.exe"; do
			! grep -aq "$word" "$exe" || { say "$exe holds the word $word"; return 1; }
		done
	done
	grep -q '^Entry 0 0\{16\} 0\{8\} Export Directory' "$2" || { say "the executable exports functions"; return 1; }
}

# wine_units RESULTS UNIT… runs unit programs in the Wine root, two at a time, with
# one Wine server that stays between them. RESULTS gets NAME.log, NAME.checks (what
# Check says of each test) and NAME.status.
wine_units() {
	"$root/scripts/wine.sh" enter bash -c '
		results=$1
		shift
		wineserver -p
		one() {
			name=$(basename "$2" .exe) status=0
			CK_VERBOSITY=normal CK_LOG_FILE_NAME=$1/$name.checks timeout -k 10 600 wine "$2" >"$1/$name.log" 2>&1 </dev/null || status=$?
			echo $status >"$1/$name.status"
		}
		export -f one
		printf "%s\0" "$@" | xargs -0 -P 2 -n 1 bash -c "one \"\$0\" \"\$1\"" "$results"
	' wine_units "$@"
}

# wine_unit_passed RESULT: status 0 alone proves nothing, for that is also the status
# of a program whose Wine server was ended under it; Check's last line is wanted too.
wine_unit_passed() {
	[ "$(cat "$1.status" 2>/dev/null)" = 0 ] || return 1
	tr -d '\r' <"$1.log" | grep -E '^100%: Checks: [1-9][0-9]*, Failures: 0, Errors: 0$' >"$1.passed"
}

# wine_skips RESULTS prints what the programs skipped, and those that were not built.
wine_skips() {
	local log name
	for log in "$1"/*.log; do
		name=$(basename "$log" .log)
		tr -d '\r' <"$log" | sed -n "s/^skipped: /SKIP wine $name: /p"
	done
	sed 's/^/SKIP wine /' "$build/windows/tests/unit/left-out.txt"
}

# few_dlls: `start` and the daemon it leaves load no DLL but those they import and
# kernelbase, which these load; libuv would load more (src/windows/delay.c).
few_dlls() {
	local bundle=$build/wine-dlls dll
	mkdir -p "$bundle"
	echo '{"ociVersion": "1.1.0", "annotations": {"microsoft.com/hostprocess-container": "true"}}' >"$bundle/config.json"
	(cd "$bundle" && WINEDEBUG=+pid,+loaddll "$root/scripts/wine.sh" run "$build/windows/$shim.exe" -namespace dlls -id dlls start \
		</dev/null >"$bundle.out" 2>"$bundle.log") || { tail "$bundle.log"; return 1; }
	# Wine's own processes tell as well; what ours load first is the executable.
	sed -n 's/^\([0-9a-f]*\):.* Loaded L".*\\\([^"]*\)" at .*/\1 \2/p' "$bundle.log" | tr '[:upper:]' '[:lower:]' |
		awk -v exe="$shim.exe" '$2 == exe { ours[$1] = 1 } ours[$1] { print $2 }' | sort | uniq -c >"$bundle.dlls"
	grep -q " 2 $shim.exe\$" "$bundle.dlls" || { say "Wine did not tell what start and its daemon load"; return 1; }
	while read -r _ dll; do
		[[ $dll = "$shim.exe" || $dll = kernelbase.dll ]] || grep -qx "$dll" "$root/tests/windows-dlls.txt" ||
			{ say "start loads $dll, which tests/windows-dlls.txt does not name"; return 1; }
	done <"$bundle.dlls"
}

# The Windows unit programs under Wine, then the demo with the real containerd.exe.
lane_wine() {
	need_packages gcc-mingw-w64-x86-64 dpkg-dev procps
	"$root/scripts/windows-deps.sh"
	build_preset windows
	export WINEPREFIX=$build/wine-units
	"$root/scripts/wine.sh" setup
	"$root/scripts/wine.sh" stop
	# What tests that were ended halfway left: pids, and so names, come round again.
	rm -rf "$WINEPREFIX"/drive_c/{hpc,hp-new,var,ProgramData/hostprocess-shim} \
		"$WINEPREFIX"/drive_c/users/*/AppData/Local/Temp/*
	local results=$build/wine-results unit name units=() failed=0
	rm -rf "$results"
	mkdir -p "$results"
	for unit in "$build"/windows/tests/unit/unit_*.exe; do
		name=$(basename "$unit" .exe)
		units+=("$unit")
	done
	[ ${#units[@]} -gt 0 ] || { say "no Windows unit programs were built"; return 1; }
	wine_units "$results" "${units[@]}" || true
	# One that failed runs once more, alone.
	for unit in "${units[@]}"; do
		name=$(basename "$unit" .exe)
		! wine_unit_passed "$results/$name" || continue
		say "wine $name failed (its last lines follow) and is run once more"
		tail -n 15 "$results/$name.log" || true
		wine_units "$results" "$unit" || true
	done
	few_dlls || failed=1
	"$root/scripts/wine.sh" stop
	for unit in "${units[@]}"; do
		name=$(basename "$unit" .exe)
		if ! wine_unit_passed "$results/$name"; then
			failed=1
			say "FAIL wine $name (status $(cat "$results/$name.status" 2>/dev/null || echo unknown: it was not run to its end))"
			tail -n 40 "$results/$name.log" || true
		fi
	done
	wine_skips "$results" | sort -u | allowed_skips || failed=1
	say "wine: ${#units[@]} unit programs, $(cat "$results"/*.log | sed -n 's/^.*Checks: \([0-9]*\),.*/\1/p' | paste -sd + | sed 's/$/+0/' | { read -r sum; echo $((sum)); }) tests"
	[ $failed -eq 0 ]
	"$root/scripts/demo-windows.sh" || { say "the demo failed and is run once more"; "$root/scripts/demo-windows.sh"; }
}

# The behaviour suite under Wine, against the real containerd.exe.
lane_e2e-wine() {
	need_packages gcc-mingw-w64-x86-64 dpkg-dev procps
	"$root/scripts/windows-deps.sh"
	build_preset windows-release
	"$root/scripts/e2e-wine.sh"
}

# Our server and client against Go's ttrpc, both ways round, under the sanitizers.
lane_ttrpc() {
	need_go
	build_preset asan
	ctest --preset asan -L go --no-tests=error
}

# e2e NAME CONTAINERD SHIM_PRESET [TEST_PATTERN [BUILD_TAGS]]: the behaviour suite.
e2e() {
	local name=$1 containerd=$2 preset=$3 pattern=${4:-.} tags=${5:-}
	need_packages strace
	need_go
	need_containerd
	build_preset "$preset"
	(cd "$root/tests/e2e" && go vet -tags "$tags" ./... && go test -tags "$tags" -c -o "$build/e2e.test" .)
	"$root/scripts/e2e.sh" "$name" "$containerd" "$build/$preset" "$pattern"
}

lane_e2e-debian() { e2e e2e-debian "$(command -v containerd)" dev; }
lane_e2e() { need_containerd; e2e e2e "$containerd_bin/containerd" release; }
lane_e2e-asan() { need_containerd; e2e e2e-asan "$containerd_bin/containerd" asan; }
lane_e2e-tsan() { need_containerd; e2e e2e-tsan "$containerd_bin/containerd" tsan; }

# The journal: the shim stopped dead at every point, then `delete`.
lane_crash() { need_containerd; e2e crash "$containerd_bin/containerd" crash '^Test(Crash|Trace)' crash; }

# cgroup v2, in a booted Debian cloud kernel under emulation.
lane_vm() { "$root/scripts/vm.sh"; }

lane_fuzz() {
	build_preset fuzz
	local target name seconds=${FUZZ_SECONDS:-60} failed=0 pids=()
	for target in "$build"/fuzz/tests/fuzz/fuzz_*; do
		[ -x "$target" ] || continue
		name=$(basename "$target" | sed s/^fuzz_//)
		mkdir -p "$build/fuzz/corpus/$name"
		(cd "$build/fuzz" && ASAN_OPTIONS=detect_leaks=1 "$target" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2048 -print_final_stats=1 \
			"corpus/$name" "$root/tests/fuzz/corpus/$name" >"fuzz-$name.log" 2>&1) &
		pids+=("$!:$name")
	done
	for target in "${pids[@]}"; do
		name=${target#*:}
		if wait "${target%%:*}"; then
			say "fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/fuzz/fuzz-$name.log") runs"
		else
			failed=1
			tail -n 30 "$build/fuzz/fuzz-$name.log"
			say "FAIL fuzz $name"
		fi
	done
	return $failed
}

lane_tidy() {
	build_preset clang
	# The generated headers must be there; -j 2 by xargs.
	find "$root/src" -name '*.c' -not -path '*/windows/*' -print0 |
		xargs -0 -P 2 -n 4 clang-tidy --quiet -p "$build/clang" 2>"$build/tidy.err"
}

# Each system's folders with that system's macros. Without Windows' headers
# handles and wide strings look like integers, and INVALID_HANDLE_VALUE like one
# that is open.
lane_cppcheck() {
	local check=(cppcheck --quiet --std=c11 "--enable=warning,performance,portability" --inline-suppr --error-exitcode=1 -j 2
		--suppress=missingInclude --suppress=unknownMacro -I "$root/src" -I "$root/include")
	local windows=() linux=() folder
	while read -r folder; do
		windows+=("$folder")
		linux+=(-i "$folder")
	done < <(find "$root/src" -type d -name windows)
	"${check[@]}" -D_GNU_SOURCE -D__linux__ -U_WIN32 "${linux[@]}" "$root/src"
	"${check[@]}" --platform=win64 --suppress=resourceLeak --suppress=CastIntegerToAddressAtReturn \
		--suppress=AssignmentIntegerToAddress -D_WIN32 -D_WIN64 -U__linux__ "${windows[@]}"
}

# The workflows and the scripts; and CI must run every lane that there is.
lane_lint() {
	need_packages shellcheck
	need_actionlint
	shellcheck "$root"/scripts/*.sh "$root/.ci/run"
	"$actionlint" -shellcheck "$(command -v shellcheck)" -pyflakes= "$root"/.github/workflows/*.yml
	local lane
	for lane in $all_lanes; do
		grep -qE "(lanes:|test\.sh)[^#]* $lane( |}|\$)" "$root/.github/workflows/ci.yml" || { say "no job of ci.yml runs the lane $lane"; return 1; }
	done
	say "$(find "$root/scripts" -name '*.sh' | wc -l) scripts and $(find "$root/.github/workflows" -name '*.yml' | wc -l) workflow are clean"
}

# What the pages say: their examples are run, their texts looked up in the source.
lane_docs() {
	need_packages containerd systemd
	need_go
	need_containerd
	build_preset dev shim policy_reader
	(cd "$root/tests/docs" && go vet ./... &&
		DOCS_POLICY_READER=$build/dev/tests/docs/policy_reader DOCS_SHIM=$build/dev/$shim \
			DOCS_CONTAINERD_1=$(command -v containerd) DOCS_CONTAINERD_2=$containerd_bin/containerd go test -count=1 ./...)
}

# The conformance kit's own tests; it is built, but only a Windows machine runs it.
lane_kit() { "$root/scripts/kit.sh" test; }

# Lines of src/ that the units and the behaviour suite reach.
lane_coverage() {
	build_preset coverage
	find "$build/coverage" -name '*.gcda' -delete
	units coverage coverage >"$build/coverage-units.log" 2>&1 || { tail -n 40 "$build/coverage-units.log"; return 1; }
	need_containerd
	e2e coverage "$containerd_bin/containerd" coverage
	gcovr --root "$root" --filter "$root/src/" --object-directory "$build/coverage" --gcov-ignore-parse-errors \
		--fail-under-line 80 --print-summary --output "$build/coverage.txt" "$build/coverage"
	tail -n +5 "$build/coverage.txt"
}

# The contract row by row: docs/conformance.md is what this run shows, and some of
# its rows are proved to turn red without their rules, and winsim's tests without
# the right arguments.
lane_conformance() {
	need_go
	(cd "$root/tests/conformance" && go vet . && go test .)
	"$root/scripts/conformance.sh" --prove 1.2 1.9 2.5 4.17 4.21 5.1 5.10 6.7
	"$root/scripts/conformance.sh" --arguments
	# Only what ran by now counts; by hand, what is left of whole runs before.
	"$root/scripts/conformance.sh" --check "${passed[@]}" "${failed[@]}" || [ "${CI:-}" != true ]
}

# In a subshell with -e of its own: a test of the lane's status would switch it off.
# What it prints is kept too, to be told again at the end if the lane fails.
run_lane() {
	local lane=$1 begin=$SECONDS status=0 out tee
	say "== $lane"
	exec {out}> >(exec tee "$build/lane-$lane.log")
	tee=$!
	set +e
	(
		set -e
		"lane_$lane"
	) >&"$out" 2>&1
	status=$?
	set -e
	exec {out}>&-
	# Not for ever: whatever the lane left running holds the pipe.
	timeout 5 tail --pid=$tee -f /dev/null || true
	if [ $status -eq 0 ]; then
		say "== $lane: ok, $((SECONDS - begin)) s"
		passed+=("$lane")
	else
		say "== $lane: FAILED ($status), $((SECONDS - begin)) s"
		failed+=("$lane")
	fi
}

passed=() failed=()
read -r -a lanes <<<"${*:-$all_lanes}"
need_packages ca-certificates
for lane in "${lanes[@]}"; do
	declare -F "lane_$lane" >/dev/null || die "no lane \"$lane\"; there are: $all_lanes"
done
for lane in "${lanes[@]}"; do
	run_lane "$lane"
done
for lane in "${failed[@]}"; do
	say "== the last lines of $lane, which failed"
	tail -n 60 "$build/lane-$lane.log"
done
say "all lanes together: $SECONDS s"
[ ${#failed[@]} -eq 0 ] || say "failed lanes: ${failed[*]}"
say "lanes: ${#passed[@]} passed, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ]
