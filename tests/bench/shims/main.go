// Command shims measures ours beside other shims, in one run and interleaved,
// and prints one table of medians; scripts/bench.sh calls it.
//
//	shims -ours PATH -peer PATH -containerd PATH [-only start,exec,…] [-json FILE]
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
)

// row is one line of the table: medians, lower is better.
type row struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Ours  float64 `json:"ours"`
	Peer  float64 `json:"peer,omitempty"`
	Ratio float64 `json:"ratio,omitempty"`
	Goal  string  `json:"goal"`
	Met   bool    `json:"met"`
}

var table []row

// compare adds a row whose goal is a ratio to the peer.
func compare(name, unit string, ours, peer, goal float64) {
	r := row{Name: name, Unit: unit, Ours: ours, Peer: peer, Ratio: ours / peer, Goal: fmt.Sprintf("≤ %.3g of the peer's", goal)}
	r.Met = r.Ratio <= goal
	table = append(table, r)
}

// limit adds a row whose goal is a figure of its own; peer is 0 if not measured.
func limit(name, unit string, ours, peer, goal float64) {
	r := row{Name: name, Unit: unit, Ours: ours, Peer: peer, Goal: fmt.Sprintf("≤ %.4g %s", goal, unit), Met: ours <= goal}
	if peer > 0 {
		r.Ratio = ours / peer
	}
	table = append(table, r)
}

// info adds a row without a goal.
func info(name, unit string, ours, peer float64) {
	r := row{Name: name, Unit: unit, Ours: ours, Peer: peer, Met: true}
	if peer > 0 {
		r.Ratio = ours / peer
	}
	table = append(table, r)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func main() {
	log.SetFlags(0)
	ours := flag.String("ours", "", "our shim")
	peer := flag.String("peer", "", "the peer, a runc shim")
	containerd := flag.String("containerd", "", "containerd")
	only := flag.String("only", "start,create,exec,stdio,idle,growth,pod,containerd,size", "what to measure")
	file := flag.String("json", "", "write the table there as JSON")
	execs := flag.Int("growth-execs", 20000, "execs of the growth row")
	flag.Parse()
	dir, err := os.MkdirTemp("", "hp-bench-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, ours: shim{name: "ours", path: *ours, ours: true}, peer: shim{name: "peer", path: *peer}, containerd: *containerd, execs: *execs}
	if err := b.prepare(); err != nil {
		log.Fatal(err)
	}
	all := map[string]func() error{"start": b.start, "create": b.create, "exec": b.exec, "stdio": b.stdio, "idle": b.idle,
		"growth": b.growth, "pod": b.pod, "containerd": b.throughContainerd, "size": b.size}
	for _, name := range strings.Split(*only, ",") {
		measure, ok := all[name]
		if !ok {
			log.Fatalf("nothing is called %q", name)
		}
		if err := measure(); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
	}
	fmt.Printf("%-46s %12s %12s %8s  %s\n", "", "ours", "peer", "ratio", "goal")
	for _, r := range table {
		peer, ratio, met := "", "", ""
		if r.Peer > 0 {
			peer, ratio = fmt.Sprintf("%.4g %s", r.Peer, r.Unit), fmt.Sprintf("%.3f", r.Ratio)
		}
		if r.Goal != "" {
			met = map[bool]string{true: "met", false: "MISSED"}[r.Met]
		}
		fmt.Printf("%-46s %12s %12s %8s  %s %s\n", r.Name, fmt.Sprintf("%.4g %s", r.Ours, r.Unit), peer, ratio, r.Goal, met)
	}
	if *file != "" {
		data, err := json.MarshalIndent(table, "", "  ")
		if err == nil {
			err = os.WriteFile(*file, append(data, '\n'), 0o644)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
}
