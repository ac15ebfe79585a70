//go:build windows

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/Microsoft/go-winio"
	task "github.com/containerd/containerd/api/runtime/task/v3"
	events "github.com/containerd/containerd/api/services/ttrpc/events/v1"
	"github.com/containerd/ttrpc"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/windows"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"

	"hostprocess-shim/tests/bench/shims/table"
)

// sink takes the shim's events, as containerd does.
type sink struct{}

func (sink) Forward(context.Context, *events.ForwardRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// takeEvents serves the pipe that start names to the shim.
func takeEvents() error {
	listener, err := winio.ListenPipe(eventsPipe, nil)
	if err != nil {
		return err
	}
	receiver, err := ttrpc.NewServer()
	if err != nil {
		return err
	}
	events.RegisterTTRPCEventsService(receiver, sink{})
	go func() { _ = receiver.Serve(context.Background(), listener) }()
	return nil
}

const (
	// workers is how many execs are under way at a time: to start a process takes long here.
	workers = 4
	// warmUp is how many execs come before what counts: once a size of block (up to 1 KiB) was allocated 2,048 times,
	// Wine's heap has each thread that wants another make a group of 31 of them, which it keeps.
	warmUp = 2500
	// leastBlock is what the least block takes of Wine's heap: a leak of one for each exec is no less.
	leastBlock = 32
)

// soak has one shim run execs of a program that ends at once, then a floor that
// only creates and awaits the processes, and looks at the memory, handles and
// threads of each all the way.
func soak(shim, program, floor, bundle string, execs int, data string) (table.Table, error) {
	ours := &table.Soak{Name: "execs", Handles: "handles", WarmUp: warmUp}
	if err := soakShim(ours, shim, program, bundle, warmUp+execs, look); err != nil {
		return nil, err
	}
	bare := &table.Soak{Name: "bare runs", Handles: "handles", WarmUp: warmUp}
	if err := soakFloor(bare, floor, program, warmUp+execs); err != nil {
		return nil, err
	}
	var results table.Table
	memory, open, more := ours.Growth()
	results.Limit(fmt.Sprintf("growth over %d execs, after %d", execs, warmUp), "KiB", memory, 0, 256)
	results.Limit("… of handles", "", open, 0, 4)
	results.Limit("… of threads", "", more, 0, 0)
	results.Limit(fmt.Sprintf("slope of memory over the last %d, an exec", execs/2), "B", ours.Slope(), 0, leastBlock/2)
	results.Info(fmt.Sprintf("growth over the first %d", warmUp), "KiB", ours.Warming(), 0)
	memory, _, _ = bare.Growth()
	results.Info("a bare program: growth over as many", "KiB", memory, 0)
	results.Info("… slope, a process", "B", bare.Slope(), 0)
	results.Info(fmt.Sprintf("… growth over the first %d", warmUp), "KiB", bare.Warming(), 0)
	if data == "" {
		return results, nil
	}
	return results, table.WriteSoaks(data, ours, bare)
}

// look gives what looks at a process, by its Linux and its Windows pid.
func look(onLinux int, pid uint32) func() table.Sample {
	begin := time.Now()
	return func() table.Sample {
		return table.Sample{Seconds: time.Since(begin).Seconds(), Memory: private(onLinux), Descriptors: float64(handles(pid)),
			Threads: threads(onLinux)}
	}
}

// threads counts those of a process by its Linux pid.
func threads(onLinux int) float64 {
	entries, _ := os.ReadDir(fmt.Sprintf("Z:/proc/%d/task", onLinux))
	return float64(len(entries))
}

// soakFloor runs the programs by floor_exec.
func soakFloor(s *table.Soak, floor, program string, execs int) error {
	command := exec.Command(floor, program, strconv.Itoa(workers))
	in, err := command.StdinPipe()
	if err != nil {
		return err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		return err
	}
	defer func() { _ = command.Process.Kill(); _ = command.Wait() }()
	lines := bufio.NewReader(out)
	ready := func() error {
		if line, err := lines.ReadString('\n'); err != nil || strings.TrimSpace(line) != "ready" {
			return fmt.Errorf("floor_exec says %q, %v", line, err)
		}
		return nil
	}
	if err := ready(); err != nil {
		return err
	}
	onLinux, err := linuxPid(floor)
	if err != nil {
		return err
	}
	return s.Run(execs, func(turns int) error {
		if _, err := fmt.Fprintln(in, turns); err != nil {
			return err
		}
		return ready()
	}, look(onLinux, uint32(command.Process.Pid)))
}

// soakShim runs the programs as execs of a container.
func soakShim(s *table.Soak, shim, program, bundle string, execs int, look func(onLinux int, pid uint32) func() table.Sample) (err error) {
	id := filepath.Base(bundle)
	process := specs.Process{Args: []string{program}, Cwd: `C:\`, User: specs.User{Username: `NT AUTHORITY\SYSTEM`}}
	if err := makeBundle(bundle, &process); err != nil {
		return err
	}
	if err := takeEvents(); err != nil {
		return err
	}
	_, address, err := start(shim, bundle)
	if err != nil {
		return err
	}
	defer end(bundle, shim)
	onLinux, err := linuxPid(shim)
	if err != nil {
		return err
	}
	limit := patience
	connection, err := winio.DialPipe(address, &limit)
	if err != nil {
		return err
	}
	client := ttrpc.NewClient(connection)
	defer client.Close()
	tasks, ctx := task.NewTTRPCTaskClient(client), context.Background()
	connected, err := tasks.Connect(ctx, &task.ConnectRequest{ID: id})
	if err != nil {
		return err
	}
	if _, err := tasks.Create(ctx, &task.CreateTaskRequest{ID: id, Bundle: bundle}); err != nil {
		return err
	}
	defer func() {
		_, killed := tasks.Kill(ctx, &task.KillRequest{ID: id, Signal: 9, All: true})
		_, waited := tasks.Wait(ctx, &task.WaitRequest{ID: id})
		_, deleted := tasks.Delete(ctx, &task.DeleteRequest{ID: id})
		err = errors.Join(err, killed, waited, deleted)
	}()
	if _, err := tasks.Start(ctx, &task.StartRequest{ID: id}); err != nil {
		return err
	}
	process.Args = []string{program, "end"}
	value, err := json.Marshal(process)
	if err != nil {
		return err
	}
	probe := &anypb.Any{TypeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Process", Value: value}
	return s.Run(execs, func(turns int) error {
		return atOnce(turns, func(worker int) error { return run(ctx, tasks, id, fmt.Sprint("probe-", worker), probe) })
	}, look(onLinux, connected.ShimPid))
}

// makeBundle makes one whose container runs a process.
func makeBundle(bundle string, process *specs.Process) error {
	image := filepath.Join(bundle, "image")
	if err := os.MkdirAll(image, 0o755); err != nil {
		return err
	}
	config, err := json.Marshal(specs.Spec{Version: "1.1.0", Process: process, Root: &specs.Root{Path: image},
		Annotations: map[string]string{"microsoft.com/hostprocess-container": "true"}, Windows: &specs.Windows{LayerFolders: []string{}}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(bundle, "config.json"), config, 0o644)
}

// atOnce does something so many times, by all workers, and is at rest when it
// returns: while Wine forks, a process' pages are for moments not its own.
func atOnce(turns int, one func(worker int) error) error {
	var left atomic.Int64
	left.Store(int64(turns))
	done := make(chan error, workers)
	for worker := range workers {
		go func() {
			for left.Add(-1) >= 0 {
				if err := one(worker); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	var err error
	for range workers {
		err = errors.Join(err, <-done)
	}
	return err
}

// run runs one exec, from its creation to its removal.
func run(ctx context.Context, tasks task.TTRPCTaskService, id, exec string, spec *anypb.Any) error {
	if _, err := tasks.Exec(ctx, &task.ExecProcessRequest{ID: id, ExecID: exec, Spec: spec}); err != nil {
		return err
	}
	if _, err := tasks.Start(ctx, &task.StartRequest{ID: id, ExecID: exec}); err != nil {
		return err
	}
	if _, err := tasks.Wait(ctx, &task.WaitRequest{ID: id, ExecID: exec}); err != nil {
		return err
	}
	_, err := tasks.Delete(ctx, &task.DeleteRequest{ID: id, ExecID: exec})
	return err
}

// systemHandle is SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX.
type systemHandle struct {
	object, pid, handle uintptr
	access              uint32
	creator, kind       uint16
	attributes, unused  uint32
}

// handles counts a process's in the system's list of all: Wine's
// GetProcessHandleCount says 0.
func handles(pid uint32) int {
	buffer := make([]uintptr, 1<<20)
	if err := windows.NtQuerySystemInformation(windows.SystemExtendedHandleInformation, unsafe.Pointer(&buffer[0]),
		uint32(len(buffer)*int(unsafe.Sizeof(buffer[0]))), nil); err != nil {
		log.Fatal("NtQuerySystemInformation: ", err)
	}
	count := 0
	for _, handle := range unsafe.Slice((*systemHandle)(unsafe.Pointer(&buffer[2])), buffer[0]) {
		if handle.pid == uintptr(pid) {
			count++
		}
	}
	return count
}
