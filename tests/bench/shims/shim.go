package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	boot "github.com/containerd/containerd/api/runtime/bootstrap/v1"
	task "github.com/containerd/containerd/api/runtime/task/v3"
	events "github.com/containerd/containerd/api/services/ttrpc/events/v1"
	"github.com/containerd/ttrpc"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

type shim struct {
	name, path string
	ours       bool
}

type bench struct {
	dir, containerd string
	ours, peer      shim
	execs           int
	rootfs          string
}

var serial atomic.Int64

// prepare makes the root file system that both run from: one static program.
func (b *bench) prepare() error {
	b.rootfs = filepath.Join(b.dir, "rootfs")
	for _, sub := range []string{"bin", "proc", "dev", "sys", "etc", "tmp"} {
		if err := os.MkdirAll(filepath.Join(b.rootfs, sub), 0o755); err != nil {
			return err
		}
	}
	data, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", filepath.Join(b.dir, "none.sock.ttrpc"))
	if err != nil {
		return err
	}
	receiver, err := ttrpc.NewServer()
	if err != nil {
		return err
	}
	events.RegisterTTRPCEventsService(receiver, sink{})
	go func() { _ = receiver.Serve(context.Background(), listener) }()
	for _, name := range []string{"busybox", "sh", "true", "cat", "sleep", "echo"} {
		if err := os.WriteFile(filepath.Join(b.rootfs, "bin", name), data, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// sink takes the events of all shims, as containerd does.
type sink struct{}

func (sink) Forward(context.Context, *events.ForwardRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// spec is the same work for both: a busybox applet, on the host's network.
func (b *bench) spec(s shim, args ...string) *specs.Spec {
	spec := &specs.Spec{Version: "1.0.2", Root: &specs.Root{Path: b.rootfs}, Linux: &specs.Linux{},
		Process: &specs.Process{Args: args, Cwd: "/", Env: []string{"PATH=/bin"}, NoNewPrivileges: true}}
	if s.ours {
		spec.Annotations = map[string]string{"microsoft.com/hostprocess-container": "true"}
		spec.Process.Args = append([]string{"/hpc/bin/" + args[0]}, args[1:]...)
	} else {
		spec.Process.Args = append([]string{"/bin/" + args[0]}, args[1:]...)
		spec.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.MountNamespace}}
		spec.Mounts = []specs.Mount{{Destination: "/proc", Type: "proc", Source: "proc"}}
		id := fmt.Sprintf("/hp-bench/%d", serial.Add(1))
		spec.Linux.CgroupsPath = id
	}
	return spec
}

func (b *bench) process(s shim, args ...string) []byte {
	data, _ := json.Marshal(b.spec(s, args...).Process)
	return data
}

// one is a running shim and a connection to it.
type one struct {
	shim         shim
	id, bundle   string
	pid          int
	client       *ttrpc.Client
	tasks        task.TTRPCTaskService
	ctx          context.Context
	startSeconds float64
}

func (b *bench) bundle(s shim, id string, spec *specs.Spec) (string, error) {
	dir := filepath.Join(b.dir, "bundles", s.name, id)
	if err := os.MkdirAll(filepath.Join(dir, "rootfs"), 0o755); err != nil {
		return "", err
	}
	data, err := json.Marshal(spec)
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "config.json"), data, 0o644)
}

// up starts a shim for a container of spec.
func (b *bench) up(s shim, spec *specs.Spec) (*one, error) {
	id := fmt.Sprintf("b%d", serial.Add(1))
	bundle, err := b.bundle(s, id, spec)
	if err != nil {
		return nil, err
	}
	if err := b.drainLog(filepath.Join(bundle, "log")); err != nil {
		return nil, err
	}
	params, err := proto.Marshal(&boot.BootstrapParams{InstanceID: id, Namespace: "bench", ContainerdGrpcAddress: filepath.Join(b.dir, "none.sock"), ContainerdTtrpcAddress: filepath.Join(b.dir, "none.sock.ttrpc")})
	if err != nil {
		return nil, err
	}
	command := exec.Command(s.path, "-namespace", "bench", "-address", filepath.Join(b.dir, "none.sock"), "-id", id, "start")
	command.Dir = bundle
	command.Env = append(os.Environ(), "TTRPC_ADDRESS="+filepath.Join(b.dir, "none.sock.ttrpc"), "HOSTPROCESS_STATE_DIR="+filepath.Join(b.dir, "state"))
	command.Stdin = strings.NewReader(string(params))
	begin := time.Now()
	out, err := command.Output()
	seconds := time.Since(begin).Seconds()
	if err != nil {
		return nil, fmt.Errorf("%s start: %w: %s", s.name, err, err.(*exec.ExitError).Stderr)
	}
	address := string(out)
	var result boot.BootstrapResult
	if proto.Unmarshal(out, &result) == nil && result.Address != "" {
		address = result.Address
	}
	connection, err := net.Dial("unix", strings.TrimPrefix(address, "unix://"))
	if err != nil {
		return nil, err
	}
	client := ttrpc.NewClient(connection)
	o := &one{shim: s, id: id, bundle: bundle, client: client, tasks: task.NewTTRPCTaskClient(client), ctx: context.Background(), startSeconds: seconds}
	connected, err := o.tasks.Connect(o.ctx, &task.ConnectRequest{ID: id})
	if err != nil {
		// The runc shim answers Connect of an unknown id NotFound; its pid is in the file.
		data, _ := os.ReadFile(filepath.Join(bundle, "shim.pid"))
		if _, err := fmt.Sscan(string(data), &o.pid); err != nil {
			o.pid = peerPid(connection)
		}
		return o, nil
	}
	o.pid = int(connected.ShimPid)
	return o, nil
}

// drainLog makes the FIFO that containerd reads a shim's log from, and reads it.
func (b *bench) drainLog(path string) error {
	f, err := fifo(path)
	if err != nil {
		return err
	}
	go func() {
		defer f.Close()
		_, _ = io.Copy(io.Discard, f)
	}()
	return nil
}

func peerPid(connection net.Conn) int {
	raw, err := connection.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	var pid int
	_ = raw.Control(func(fd uintptr) {
		if credentials, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			pid = int(credentials.Pid)
		}
	})
	return pid
}

// down ends the container, if any, and the shim.
func (o *one) down() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, _ = o.tasks.Kill(ctx, &task.KillRequest{ID: o.id, Signal: 9, All: true})
	_, _ = o.tasks.Wait(ctx, &task.WaitRequest{ID: o.id})
	_, _ = o.tasks.Delete(ctx, &task.DeleteRequest{ID: o.id})
	_, _ = o.tasks.Shutdown(ctx, &task.ShutdownRequest{ID: o.id})
	_ = o.client.Close()
	for range 500 {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", o.pid)); err != nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	_ = os.RemoveAll(o.bundle)
}

// memory reads private bytes and RSS of a process, in KiB.
func memory(pid int) (private, rss float64) {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for _, line := range strings.Split(string(data), "\n") {
		var name string
		var kib float64
		if n, _ := fmt.Sscan(line, &name, &kib); n != 2 {
			continue
		}
		switch name {
		case "Private_Dirty:":
			private += kib
		case "Rss:":
			rss = kib
		}
	}
	return private, rss
}

func count(pid int, what string) float64 {
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/%s", pid, what))
	return float64(len(entries))
}
