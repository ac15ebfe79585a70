//go:build windows

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
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

// workers is how many execs are under way at a time: to start a process takes long here.
const workers = 4

// soak has one shim run execs of a program that ends at once, and looks at its
// memory, handles and threads all the way.
func soak(shim, program, bundle string, execs int, data string) (results table.Table, err error) {
	id := filepath.Base(bundle)
	image := filepath.Join(bundle, "image")
	if err := os.MkdirAll(image, 0o755); err != nil {
		return nil, err
	}
	process := specs.Process{Args: []string{program}, Cwd: `C:\`, User: specs.User{Username: `NT AUTHORITY\SYSTEM`}}
	config, err := json.Marshal(specs.Spec{Version: "1.1.0", Process: &process, Root: &specs.Root{Path: image},
		Annotations: map[string]string{"microsoft.com/hostprocess-container": "true"}, Windows: &specs.Windows{LayerFolders: []string{}}})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), config, 0o644); err != nil {
		return nil, err
	}
	if err := takeEvents(); err != nil {
		return nil, err
	}
	_, address, err := start(shim, bundle)
	if err != nil {
		return nil, err
	}
	defer end(bundle, shim)
	onLinux, err := linuxPid(shim)
	if err != nil {
		return nil, err
	}
	limit := patience
	connection, err := winio.DialPipe(address, &limit)
	if err != nil {
		return nil, err
	}
	client := ttrpc.NewClient(connection)
	defer client.Close()
	tasks, ctx := task.NewTTRPCTaskClient(client), context.Background()
	connected, err := tasks.Connect(ctx, &task.ConnectRequest{ID: id})
	if err != nil {
		return nil, err
	}
	if _, err := tasks.Create(ctx, &task.CreateTaskRequest{ID: id, Bundle: bundle}); err != nil {
		return nil, err
	}
	defer func() {
		_, killed := tasks.Kill(ctx, &task.KillRequest{ID: id, Signal: 9, All: true})
		_, waited := tasks.Wait(ctx, &task.WaitRequest{ID: id})
		_, deleted := tasks.Delete(ctx, &task.DeleteRequest{ID: id})
		err = errors.Join(err, killed, waited, deleted)
	}()
	if _, err := tasks.Start(ctx, &task.StartRequest{ID: id}); err != nil {
		return nil, err
	}
	process.Args = []string{program, "end"}
	value, err := json.Marshal(process)
	if err != nil {
		return nil, err
	}
	probe := &anypb.Any{TypeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Process", Value: value}
	begin, pid := time.Now(), connected.ShimPid
	probes := &table.Soak{Name: "execs", Handles: "handles"}
	once := func(exec string) error {
		if _, err := tasks.Exec(ctx, &task.ExecProcessRequest{ID: id, ExecID: exec, Spec: probe}); err != nil {
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
	done := make(chan error)
	for worker := range workers {
		go func() {
			for range execs / workers {
				done <- once(fmt.Sprint("probe-", worker))
			}
		}()
	}
	if err := probes.Run(execs/workers*workers, func() error { return <-done }, func() table.Sample {
		threads, _ := os.ReadDir(fmt.Sprintf("Z:/proc/%d/task", onLinux))
		return table.Sample{Seconds: time.Since(begin).Seconds(), Memory: private(onLinux), Descriptors: float64(handles(pid)),
			Threads: float64(len(threads))}
	}); err != nil {
		return nil, err
	}
	memory, open, threads := probes.Growth()
	results.Limit(fmt.Sprintf("growth over %d execs", execs), "KiB", memory, 0, 256)
	results.Limit("… of handles", "", open, 0, 4)
	results.Limit("… of threads", "", threads, 0, 0)
	if data == "" {
		return results, nil
	}
	return results, table.WriteSoaks(data, probes)
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
