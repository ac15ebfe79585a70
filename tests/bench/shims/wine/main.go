//go:build windows

// Command wine measures our Windows shim beside hcsshim's under Wine, both in
// one run and in turns; scripts/bench.sh --windows builds it for Windows and
// runs it there, with this machine's files, and its /proc, at Z:.
//
//	wine -ours EXE -peer EXE -load EXE -empty EXE -start EXE -pipe EXE [-turns N] [-seconds S] [-json FILE]
//	wine -ours EXE -empty EXE -exec EXE -soak EXECS [-soak-data FILE] [-json FILE]
//	wine -ours EXE -empty EXE -soak EXECS -count [-json FILE]
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hostprocess-shim/tests/bench/shims/table"
)

const (
	// patience is how long a condition may take on a loaded machine.
	patience = 60 * time.Second
	// eventsPipe is where the shims send their events; only the soak takes them.
	eventsPipe = `\\.\pipe\hp-bench-none.ttrpc`
	// settle is how long a process that is to be idle is left alone.
	settle = 2 * time.Second
)

var (
	load    = flag.String("load", "", "the load generator, ttrpc_load.exe")
	seconds = flag.Float64("seconds", 5, "how long each load lasts")
	// shapes are the loads: requests in flight on one connection.
	shapes = []int{1, 16}
)

// figures are what the turns measured of one shim.
type figures struct {
	idle, loaded []float64
	rate         [][]float64
}

func main() {
	log.SetFlags(0)
	ours := flag.String("ours", "", "our shim")
	peer := flag.String("peer", "", "hcsshim's shim")
	empty := flag.String("empty", "", "a program that does nothing")
	bare := flag.String("exec", "", "a program that only runs programs")
	pair := flag.String("start", "", "a program that does nothing but start another")
	pipe := flag.String("pipe", "", "a program that serves a pipe with libuv")
	turns := flag.Int("turns", 5, "how often each is measured")
	file := flag.String("json", "", "write the table there as JSON")
	soakExecs := flag.Int("soak", 0, "run so many execs in ours, after some to warm up, and watch what it grows by, and nothing else")
	counts := flag.Bool("count", false, "with -soak: ours counts what it holds of the C heap; look at that instead")
	soakData := flag.String("soak-data", "", "write the soak's curve there")
	flag.Parse()
	dir, err := os.MkdirTemp("", "hp-bench-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if *soakExecs > 0 {
		run := func() (table.Table, error) {
			if *counts {
				return countSoak(*ours, *empty, filepath.Join(dir, "soak"), *soakExecs)
			}
			return soak(*ours, *empty, *bare, filepath.Join(dir, "soak"), *soakExecs, *soakData)
		}
		results, err := run()
		if err != nil {
			log.Fatal(err)
		}
		results.Print()
		if err := results.Write(*file); err != nil {
			log.Fatal(err)
		}
		return
	}
	started, err := measureStarts(*ours, *peer, *pair, *empty, dir, *turns)
	if err != nil {
		log.Fatal(err)
	}
	all := [2]figures{}
	var floors [2][]float64
	for turn := range *turns + 1 {
		for i, shim := range []string{*ours, *peer} {
			if err := all[i].measure(shim, filepath.Join(dir, fmt.Sprintf("b%d-%d", i, turn))); err != nil {
				log.Fatalf("%s: %v", filepath.Base(shim), err)
			}
		}
		for i, program := range [][]string{{*empty}, {*pipe, fmt.Sprintf(`\\.\pipe\hp-bench-%d-%d`, os.Getpid(), turn)}} {
			kib, err := floor(program[0], program[1:]...)
			if err != nil {
				log.Fatalf("%s: %v", filepath.Base(program[0]), err)
			}
			floors[i] = append(floors[i], kib)
		}
		if turn == 0 { // it warmed Wine up
			all, floors = [2]figures{}, [2][]float64{}
		}
	}
	results := tabulate(started, all, floors)
	results.Print()
	if err := results.Write(*file); err != nil {
		log.Fatal(err)
	}
}

func tabulate(started starts, all [2]figures, floors [2][]float64) table.Table {
	var results table.Table
	ours, peer := all[0], all[1]
	started.tabulate(&results)
	results.Limit("idle after start: private dirty", "KiB", table.Median(ours.idle), table.Median(peer.idle), 5*1024)
	results.Info("… of an empty C program", "KiB", table.Median(floors[0]), 0)
	results.Info("… of one that serves a pipe with libuv", "KiB", table.Median(floors[1]), 0)
	results.Info("idle after the loads: private dirty", "KiB", table.Median(ours.loaded), table.Median(peer.loaded))
	for i, inFlight := range shapes {
		results.Info(fmt.Sprintf("State, 1 connection x %d: higher is better", inFlight), "/s", table.Median(ours.rate[i]), table.Median(peer.rate[i]))
	}
	return results
}

// measure starts one shim, reads its memory, loads it, and ends it.
func (f *figures) measure(shim, bundle string) error {
	if err := emptyBundle(bundle); err != nil {
		return err
	}
	_, address, err := start(shim, bundle)
	if err != nil {
		return err
	}
	defer end(bundle, shim)
	pid, err := linuxPid(shim)
	if err != nil {
		return err
	}
	time.Sleep(settle)
	f.idle = append(f.idle, private(pid))
	// Under Wine a Go server's first client is given an instance that nobody serves.
	spare, err := os.OpenFile(address, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer spare.Close()
	f.rate = append(f.rate, make([][]float64, len(shapes)-len(f.rate))...)
	for i, inFlight := range shapes {
		rate, err := requests(address, inFlight)
		if err != nil {
			return err
		}
		f.rate[i] = append(f.rate[i], rate)
	}
	time.Sleep(settle)
	f.loaded = append(f.loaded, private(pid))
	return nil
}

// requests gives how many calls per second the shim at address answers.
func requests(address string, inFlight int) (float64, error) {
	command := exec.Command(*load, "--address", address, "--state", "unknown",
		"--in-flight", strconv.Itoa(inFlight), "--seconds", fmt.Sprint(*seconds))
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return 0, fmt.Errorf("load: %w: %s", err, out)
	}
	for _, field := range strings.Fields(string(out)) {
		if value, found := strings.CutPrefix(field, "per_second="); found {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("load: no rate in %q", out)
}

// floor is the private memory of a program that says when it is ready.
func floor(program string, args ...string) (float64, error) {
	command := exec.Command(program, args...)
	out, err := command.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := command.Start(); err != nil {
		return 0, err
	}
	defer func() { _ = command.Process.Kill(); _ = command.Wait() }()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || strings.TrimSpace(line) != "ready" {
		return 0, fmt.Errorf("it says %q, %v", line, err)
	}
	pid, err := linuxPid(program)
	if err != nil {
		return 0, err
	}
	time.Sleep(settle)
	return private(pid), nil
}

// linuxPid waits until exactly one process runs a program and gives its Linux pid.
func linuxPid(program string) (int, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		pids := linuxPids(program)
		if len(pids) == 1 {
			return pids[0], nil
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("%d processes run it, not one", len(pids))
		}
	}
}

// linuxPids finds the processes whose command line begins with a program's path.
func linuxPids(program string) []int {
	var pids []int
	entries, _ := os.ReadDir("Z:/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		data, _ := os.ReadFile(fmt.Sprintf("Z:/proc/%d/cmdline", pid))
		if argument, _, _ := strings.Cut(string(data), "\x00"); strings.EqualFold(strings.ReplaceAll(argument, "/", `\`), program) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// private is what Linux counts as private and dirty of a process, in KiB.
func private(pid int) float64 {
	data, _ := os.ReadFile(fmt.Sprintf("Z:/proc/%d/smaps_rollup", pid))
	for _, line := range strings.Split(string(data), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Private_Dirty:" {
			kib, _ := strconv.ParseFloat(fields[1], 64)
			return kib
		}
	}
	log.Fatalf("no memory of process %d is to be read", pid)
	return 0
}
