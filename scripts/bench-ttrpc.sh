#!/usr/bin/env bash
# Our ttrpc server beside Go's: the same service, the same load (a C client),
# in turns. Prints requests per second and the server's own CPU per request.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

seconds=${SECONDS_EACH:-2} turns=${TURNS:-3}
need_build_packages
need_go
bench=$build/bench
cmake -S "$root" --preset release -B "$bench" -DHP_TESTS=ON >"$build/cmake-bench.log" 2>&1 || { tail "$build/cmake-bench.log"; die "cmake failed"; }
cmake --build "$bench" --target ttrpc_peer ttrpc_load floor_ttrpc >"$build/ninja-bench.log" 2>&1 || { tail "$build/ninja-bench.log"; die "the build failed"; }
(cd "$root/tests/ttrpc" && go build -o "$build/go-ttrpc-peer" ./gopeer)
dir=$(mktemp -d)
peers=()
trap 'kill "${peers[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT
"$bench/tests/ttrpc/ttrpc_peer" "$dir/ours" >/dev/null 2>&1 &
peers+=($!)
"$build/go-ttrpc-peer" "$dir/go" >/dev/null 2>&1 &
peers+=($!)
"$bench/tests/bench/floor_ttrpc" "$dir/floor" &
peers+=($!)
for ((i = 0; i < 100; i++)); do [ -S "$dir/ours" ] && [ -S "$dir/go" ] && [ -S "$dir/floor" ] && break; sleep 0.1; done

# measure NAME PID CONNECTIONS IN_FLIGHT [--spin] prints requests per second and µs of CPU per request.
measure() {
	local before after line
	before=$(awk '{print $14 + $15}' "/proc/$2/stat")
	line=$("$bench/tests/bench/ttrpc_load" --address "unix://$dir/$1" --connections "$3" --in-flight "$4" --seconds "$seconds" ${5:+"$5"})
	after=$(awk '{print $14 + $15}' "/proc/$2/stat")
	awk -v line="$line" -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" 'BEGIN {
		match(line, /answered=[0-9]+/); answered = substr(line, RSTART + 9, RLENGTH - 9)
		match(line, /per_second=[0-9]+/); rate = substr(line, RSTART + 11, RLENGTH - 11)
		printf "%d %.3f\n", rate, ticks / hz * 1e6 / answered }'
}

median() { sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

printf '%-30s %12s %12s %8s %8s   %s\n' "ttrpc, connections x in flight" ours Go ratio goal "CPU per request (goal 0.5)"
for shape in "1 1 1.2" "1 1 1.2 --spin" "1 16 1.8" "1 256 1.8" "64 1 1.8" "64 16 1.8"; do
	read -r connections in_flight goal spin <<<"$shape"
	: >"$dir/figures"
	for ((turn = 0; turn < turns; turn++)); do
		echo "ours $(measure ours "${peers[0]}" "$connections" "$in_flight" "$spin")" >>"$dir/figures"
		echo "go $(measure go "${peers[1]}" "$connections" "$in_flight" "$spin")" >>"$dir/figures"
		[ "$connections x $in_flight" != "1 x 1" ] ||
			echo "floor $(measure floor "${peers[2]}" 1 1 "$spin")" >>"$dir/figures"
	done
	column() { awk -v who="$1" -v field="$2" '$1 == who {print $field}' "$dir/figures" | median; }
	awk -v name="$connections x $in_flight${spin:+, client awake}" -v ours="$(column ours 2)" -v go="$(column go 2)" -v goal="$goal" \
		-v ours_cpu="$(column ours 3)" -v go_cpu="$(column go 3)" 'BEGIN {
		printf "%-30s %10d/s %10d/s %8.2f %8s   %.2f us / %.2f us = %.2f %s\n", name, ours, go, ours / go, "≥ " goal,
			ours_cpu, go_cpu, ours_cpu / go_cpu, (ours / go >= goal && ours_cpu / go_cpu <= 0.5) ? "met" : "MISSED" }'
	[ "$connections x $in_flight" != "1 x 1" ] ||
		printf '%-30s %10d/s\n' "… of a bare server" "$(column floor 2)"
done
