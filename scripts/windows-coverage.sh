#!/usr/bin/env bash
# Writes docs/windows-coverage.md: which Win32 call of the shim's Windows rooms is
# made for real under Wine, which on winsim, and what only Windows can prove.
#   scripts/windows-coverage.sh          writes the table
#   scripts/windows-coverage.sh --check  fails if the committed one is another
# It reads the built presets windows and windows-release.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

export LC_ALL=C # one order everywhere
table=$root/docs/windows-coverage.md
exe=$build/windows-release/containerd-shim-hostprocess-v1.exe
work=$build/windows-coverage
tool=x86_64-w64-mingw32
mkdir -p "$work"

# imports prints "NAME LIBRARY" of every function of the executable's import table,
# and of those imported at their first call (cmake/delay/), that the rooms of Windows call themselves; what only libuv or the C library call
# is theirs to prove.
imports() {
	"$tool-nm" -u "$build"/windows/src/libhp_{base,host,stdio,runtime}.a 2>/dev/null |
		sed -n 's/^ *U \(__imp_\)\{0,1\}\([A-Za-z_][A-Za-z0-9_]*\)$/\2/p' | sort -u >"$work/called"
	{
		"$tool-objdump" -p "$exe" |
			awk '/DLL Name:/ { library = tolower($3) } $1 ~ /^[0-9a-f]+$/ && NF == 3 && $2 ~ /^[0-9]+$/ { print $3, library }'
		awk '/^LIBRARY/ { library = $2 } !/^(LIBRARY|EXPORTS)/ { print $1, library }' "$root"/cmake/delay/*.def
	} | sort -u | grep -v ' msvcrt.dll$' >"$work/imported"
	join "$work/called" "$work/imported"
}

# looked_up prints the same of the table of functions that are looked up.
looked_up() {
	awk '/^static const struct entry [a-z]+_entries/ { split($5, part, "_"); library = part[1] }
		match($0, /\{"[A-Za-z0-9_]+"/) && library && !/\.dll/ { print substr($0, RSTART + 2, RLENGTH - 3), library }' \
		"$root/src/host/windows/winapi.c" |
		sed 's/ kernel$/ kernel32.dll (looked up)/; s/ nt$/ ntdll.dll (looked up)/
			s/ bindflt$/ bindfltapi.dll (looked up)/; s/ vmcompute$/ vmcompute.dll (looked up)/' |
		grep -v '^wine_get_version '
}

# stand_ins prints the functions that winsim has, passed_on those of them behind
# whose rules the system's own function is called.
stand_ins() {
	sed -n 's/^WINSIM_IMPORT(\([A-Za-z0-9]*\),.*/\1/p
		s/^ *\(FUNCTION(\|{\)"\([A-Za-z0-9]*\)", .*/\2/p
		s/^[A-Za-z_]* \(WINAPI\|NTAPI\|SEC_ENTRY\) \([A-Z][A-Za-z0-9]*\)(.*/\2/p' "$root"/tests/winsim/*.c | sort -u
}
passed_on() {
	cat "$root"/tests/winsim/*.c | grep -oE 'REAL\(("[a-z0-9.]+", *)?[A-Z][A-Za-z0-9]*\)' |
		sed 's/^REAL(\("[^"]*", *\)\{0,1\}//; s/)$//' | sort -u
}

render() {
	cat <<-'END'
		# Windows calls and what proves them

		Written by `scripts/windows-coverage.sh`; the lane `windows` looks that it is true. It lists every Win32 function
		that the shim itself calls on Windows.

		- **Wine**: nothing stands in the place of Wine's own function, in any run.
		- **Wine behind winsim**: in the unit programs that use winsim (`tests/winsim/`) the documented argument rules are
		  checked first, and calls are made to fail; what Wine knows it answers then, the rest winsim does.
		- **winsim**: Wine lacks it or pretends to have it; only a stand-in with the documented rules has answered.
		- **no one**: no run here has had it answered.

		The last column says what only a Windows machine can prove (`tests/windows-only.txt`).

		| call | library | answered by | left for Windows |
		|---|---|---|---|
	END
	awk -v stand_ins="$work/stand-ins" -v passed_on="$work/passed-on" -v only="$root/tests/windows-only.txt" '
		BEGIN {
			while ((getline line < stand_ins) > 0) simulated[line] = 1
			while ((getline line < passed_on) > 0) real[line] = 1
			while ((getline line < only) > 0) {
				if (line ~ /^#/ || line == "") continue
				name = line; sub(/ .*/, "", name); sub(/^[^ ]* /, "", line)
				if (sub(/^unanswered: /, "", line)) unanswered[name] = 1
				reason[name] = line
			}
		}
		{
			name = $1; library = $0; sub(/^[^ ]* /, "", library)
			by = unanswered[name] ? "no one" : !simulated[name] ? "Wine" : real[name] ? "Wine behind winsim" : "winsim"
			printf "| `%s` | %s | %s | %s |\n", name, library, by, reason[name]
			count[by]++; used[name] = 1; total++
		}
		END {
			for (name in reason) if (!used[name]) { print "tests/windows-only.txt names " name ", which nothing calls" > "/dev/stderr"; bad = 1 }
			printf "\n%d calls: %d answered by Wine, %d by Wine behind winsim, %d by winsim, %d by no one.\n", total,
				count["Wine"], count["Wine behind winsim"], count["winsim"], count["no one"]
			exit bad
		}' "$work/calls"
}

[ -e "$exe" ] || die "build the presets windows and windows-release first"
stand_ins >"$work/stand-ins"
passed_on >"$work/passed-on"
{ imports; looked_up; } | sort -u >"$work/calls"
[ "$(wc -l <"$work/calls")" -gt 100 ] || die "hardly any calls were found"
render >"$work/table.md"
if [ "${1:-}" = --check ]; then
	diff -u "$table" "$work/table.md" || die "docs/windows-coverage.md is not what scripts/windows-coverage.sh writes"
else
	cp "$work/table.md" "$table"
	tail -n 1 "$table"
fi
