#!/usr/bin/env bash
# Measures ours beside containerd-shim-runc-v2 with runc, in one run:
#   scripts/bench.sh [--only start,create,exec,stdio,idle,growth,pod,containerd,size,ttrpc] [--peer SHIM] [--json FILE]
# and our exe beside hcsshim's shim, under Wine:
#   scripts/bench.sh --windows [--quick] [--json FILE]
# and a shim's growth over a long life (--windows --soak: under Wine):
#   scripts/bench.sh --soak [--execs N] [--containers N] [--png FILE] [--json FILE]
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

if [ "${1:-}" = --windows ]; then
	shift
	exec "$root/scripts/bench-windows.sh" "$@"
fi
if [ "${1:-}" = --soak ]; then
	shift
	exec "$root/scripts/bench-soak.sh" "$@"
fi
only=start,create,exec,stdio,idle,growth,pod,containerd,size,ttrpc peer='' json=$build/bench.json
while [ $# -gt 0 ]; do
	case $1 in
	--only) only=$2 ;;
	--peer) peer=$2 ;;
	--json) json=$2 ;;
	*) die "unknown option $1" ;;
	esac
	shift 2
done
[ "$(id -u)" = 0 ] || die "measuring needs root"
need_build_packages
need_packages runc busybox-static binutils
need_go
need_containerd
build_preset release
sync "$build/release/containerd-shim-hostprocess-v1" # pages on their way to disk count as private and dirty
peer=${peer:-$containerd_bin/containerd-shim-runc-v2}
shims=${only//ttrpc/}
shims=$(tr -s , <<<"$shims" | sed 's/^,//; s/,$//')
if [ -n "$shims" ]; then
	(cd "$root/tests/bench/shims" && go build -o "$build/bench-shims" .)
	"$build/bench-shims" -ours "$build/release/containerd-shim-hostprocess-v1" -peer "$peer" \
		-containerd "$containerd_bin/containerd" -only "$shims" -json "$json"
fi
case ,$only, in
*,ttrpc,*) "$root/scripts/bench-ttrpc.sh" ;;
esac
