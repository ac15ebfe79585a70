#!/usr/bin/env bash
# Shows the contract row by row: tests/conformance/rows.txt and the results that
# the lanes of scripts/test.sh left under build/.
#   scripts/conformance.sh                        writes docs/conformance.md
#   scripts/conformance.sh --check [LANE…]        fails if the committed one is another, or a row is red; only
#                                                 these lanes' results count (none named: all that there are)
#   scripts/conformance.sh --prove [--continue] [ROW…]
#                                                 takes each rule of these rows or sections away in a scratch copy and
#                                                 wants to see one of the row's tests fail; --continue leaves out what was
#                                                 seen red of the same sources before (see tests/conformance/README.md)
#   scripts/conformance.sh --arguments [ROW…]     changes arguments of Win32 calls, one at a time, as
#                                                 tests/winsim/arguments.txt says, and wants winsim's tests to see it
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need_go
mkdir -p "$build/conformance"
(cd "$root/tests/conformance" && go build -o "$build/conformance/conformance" .)
case ${1:-} in
'') set -- ;;
--check)
	shift
	set -- -check -lanes "$*"
	;;
--prove)
	shift
	need_build_packages
	need_containerd
	export HP_CONTAINERD=$containerd_bin/containerd
	continues=false
	[ "${1:-}" != --continue ] || { continues=true && shift; }
	set -- -prove -continue="$continues" "$@"
	;;
--arguments)
	shift
	need_build_packages
	set -- -rows tests/winsim/arguments.txt -prove "$@"
	;;
*) die "usage: conformance.sh [--check [LANE…] | --prove [--continue] [ROW…] | --arguments [ROW…]]" ;;
esac
exec "$build/conformance/conformance" -root "$root" "$@"
