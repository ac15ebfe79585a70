// Command shims measures ours beside other shims, in one run and interleaved,
// and prints one table of medians; scripts/bench.sh calls it.
//
//	shims -ours PATH -peer PATH -containerd PATH [-only start,exec,…] [-json FILE]
package main

import (
	"flag"
	"log"
	"os"
	"strings"

	"hostprocess-shim/tests/bench/shims/table"
)

var results table.Table

func main() {
	log.SetFlags(0)
	ours := flag.String("ours", "", "our shim")
	peer := flag.String("peer", "", "the peer, a runc shim")
	containerd := flag.String("containerd", "", "containerd")
	only := flag.String("only", "start,create,exec,stdio,idle,growth,pod,containerd,size", "what to measure")
	file := flag.String("json", "", "write the table there as JSON")
	execs := flag.Int("growth-execs", 20000, "execs of the growth row")
	soakData := flag.String("soak-data", "", "write the curves of -only soak there")
	soakExecs := flag.Int("soak-execs", 100000, "execs of the soak")
	soakContainers := flag.Int("soak-containers", 2000, "containers of the soak")
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
		"growth": b.growth, "pod": b.pod, "containerd": b.throughContainerd, "size": b.size, "soak": func() error { return b.soak(*soakExecs, *soakContainers, *soakData) }}
	for _, name := range strings.Split(*only, ",") {
		measure, ok := all[name]
		if !ok {
			log.Fatalf("nothing is called %q", name)
		}
		if err := measure(); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
	}
	results.Print()
	if err := results.Write(*file); err != nil {
		log.Fatal(err)
	}
}
