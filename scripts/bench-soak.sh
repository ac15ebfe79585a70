#!/usr/bin/env bash
# The long half of scripts/bench.sh: one shim, 100,000 execs, then 2,000 containers
# made and deleted; its memory, descriptors and threads all the way.
#   scripts/bench.sh --soak [--execs N] [--containers N] [--png FILE] [--json FILE]
# --png draws the curve (with gnuplot, which is installed for it); docs/soak.png is one.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

execs=100000 containers=2000 png='' json=$build/bench-soak.json data=$build/bench-soak.dat
while [ $# -gt 0 ]; do
	case $1 in
	--execs) execs=$2 ;;
	--containers) containers=$2 ;;
	--png) png=$2 ;;
	--json) json=$2 ;;
	*) die "unknown option $1" ;;
	esac
	shift 2
done
[ "$(id -u)" = 0 ] || die "measuring needs root"
need_build_packages
need_packages busybox-static
need_go
build_preset release
sync "$build/release/containerd-shim-hostprocess-v1" # pages on their way to disk count as private and dirty
(cd "$root/tests/bench/shims" && go build -o "$build/bench-shims" .)
"$build/bench-shims" -ours "$build/release/containerd-shim-hostprocess-v1" -only soak -soak-execs "$execs" \
	-soak-containers "$containers" -soak-data "$data" -json "$json"
[ -n "$png" ] || exit 0
need_packages gnuplot-nox
gnuplot <<PLOT
set terminal pngcairo size 960,640 font "sans,10"
set output "$png"
set multiplot layout 2,1
set key right center
set grid
set rmargin 6
set ylabel "KiB, count"
set yrange [0:*]
set xlabel "execs"
plot "$data" index 0 using 1:3 with lines lw 2 title "private memory, KiB", \
     "" index 0 using 1:4 with lines lw 2 title "descriptors", "" index 0 using 1:5 with lines lw 2 title "threads"
set xlabel "containers made and deleted"
plot "$data" index 1 using 1:3 with lines lw 2 title "private memory, KiB", \
     "" index 1 using 1:4 with lines lw 2 title "descriptors", "" index 1 using 1:5 with lines lw 2 title "threads"
PLOT
say "drawn: $png"
