//go:build windows

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hostprocess-shim/tests/bench/shims/table"
)

// startsEach is how often each is started in a turn: one alone says little.
const startsEach = 4

// starts are milliseconds to start each shim, to start an empty program from
// another, and to run one to its end.
type starts struct {
	ours, peer, pair, empty []float64
}

// measureStarts starts all in turns.
func measureStarts(ours, peer, pair, empty, dir string, turns int) (starts, error) {
	var s starts
	for turn := range turns*startsEach + 1 {
		for i, shim := range []string{ours, peer} {
			bundle := filepath.Join(dir, fmt.Sprintf("s%d-%d", i, turn))
			if err := emptyBundle(bundle); err != nil {
				return s, err
			}
			milliseconds, _, err := start(shim, bundle)
			if err != nil {
				return s, err
			}
			end(bundle, shim)
			into := []*[]float64{&s.ours, &s.peer}[i]
			*into = append(*into, milliseconds)
		}
		milliseconds, pid, err := timed(exec.Command(pair))
		if err != nil {
			return s, err
		}
		kill(pid, pair)
		s.pair = append(s.pair, milliseconds)
		if milliseconds, _, err = timed(exec.Command(empty, "end")); err != nil {
			return s, err
		}
		s.empty = append(s.empty, milliseconds)
		if turn == 0 { // it warmed Wine up
			s = starts{}
		}
	}
	return s, nil
}

func (s starts) tabulate(results *table.Table) {
	results.Compare("start → address", "ms", table.Median(s.ours), table.Median(s.peer), 0.5)
	results.Info("… of an empty C program that starts another", "ms", table.Median(s.pair), 0)
	results.Info("… of an empty C program, to its end", "ms", table.Median(s.empty), 0)
}

// emptyBundle makes one whose container runs nothing.
func emptyBundle(bundle string) error {
	if err := os.MkdirAll(bundle, 0o755); err != nil {
		return err
	}
	const config = `{"ociVersion": "1.1.0", "annotations": {"microsoft.com/hostprocess-container": "true"}}`
	return os.WriteFile(filepath.Join(bundle, "config.json"), []byte(config), 0o644)
}

// timed runs a command to its end and gives how long that took, and what it printed.
func timed(command *exec.Cmd) (milliseconds float64, out string, err error) {
	var complaint strings.Builder
	command.Stderr = &complaint
	begin := time.Now()
	printed, err := command.Output()
	if err != nil {
		return 0, "", fmt.Errorf("%s: %w: %s", filepath.Base(command.Path), err, complaint.String())
	}
	return time.Since(begin).Seconds() * 1e3, string(printed), nil
}

// start starts the shim of a bundle.
func start(shim, bundle string) (milliseconds float64, address string, err error) {
	command := exec.Command(shim, "-namespace", "bench", "-address", `\\.\pipe\hp-bench-none`,
		"-publish-binary", "containerd.exe", "-id", filepath.Base(bundle), "start")
	command.Dir = bundle
	command.Env = append(os.Environ(), "TTRPC_ADDRESS="+eventsPipe, "HOSTPROCESS_STATE_DIR="+filepath.Join(filepath.Dir(bundle), "state"))
	return timed(command)
}

// end terminates the shim of a bundle and waits until it is gone.
func end(bundle, shim string) {
	data, _ := os.ReadFile(filepath.Join(bundle, "shim.pid"))
	kill(string(data), shim)
}

// kill terminates a process and waits until nobody runs its program.
func kill(pid, program string) {
	if pid, err := strconv.Atoi(strings.TrimSpace(pid)); err == nil {
		if process, err := os.FindProcess(pid); err == nil {
			_ = process.Kill()
		}
	}
	for deadline := time.Now().Add(patience); len(linuxPids(program)) > 0 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
}
