//go:build windows

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"hostprocess-shim/tests/windows/commands"
	"hostprocess-shim/tests/windows/suite"
)

const (
	hostProcess   = "microsoft.com/hostprocess-container"
	inheritUser   = "microsoft.com/hostprocess-inherit-user"
	rootLocation  = "microsoft.com/hostprocess-rootfs-location"
	mountBehavior = "microsoft.com/hostprocess-mount-behavior"
	systemUser    = `NT AUTHORITY\SYSTEM`
)

var serial atomic.Int64

// image makes a container's root: the kit under other names, and a file.
func (n *node) image(t *suite.T) string {
	dir, err := os.MkdirTemp(n.dir, "image-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	err = os.Mkdir(filepath.Join(dir, "bin"), 0o755)
	for _, name := range []string{`bin\uname.exe`, `bin\tool.exe`, "agnhost"} {
		if err == nil {
			err = os.Link(filepath.Join(n.path("bin"), "kit.exe"), filepath.Join(dir, name))
		}
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "motd"), []byte("a file of "+filepath.Base(dir)), 0o644)
	}
	if err != nil {
		t.Fatalf("image: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// spec is a HostProcess container's config.json that runs a command line as user.
func (n *node) spec(t *suite.T, user, line string) *specs.Spec {
	return &specs.Spec{
		Version:     "1.1.0",
		Process:     &specs.Process{CommandLine: line, Cwd: `C:\`, User: specs.User{Username: user}},
		Root:        &specs.Root{Path: n.image(t)},
		Windows:     &specs.Windows{LayerFolders: []string{}},
		Annotations: map[string]string{hostProcess: "true"},
	}
}

// buffer takes a stream's output from another goroutine.
type buffer struct {
	mutex sync.Mutex
	data  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.data.String()
}

// box is a container, its task and its output.
type box struct {
	t         *suite.T
	n         *node
	ctx       context.Context
	spec      *specs.Spec
	container containerd.Container
	task      containerd.Task
	exit      <-chan containerd.ExitStatus
	out       *buffer
	removed   bool
}

// create makes the container and its task; the case's end removes both.
func (n *node) create(t *suite.T, spec *specs.Spec) (*box, error) {
	b := &box{t: t, n: n, ctx: n.context(t.Context), spec: spec, out: &buffer{}}
	var err error
	id := fmt.Sprintf("kit-%d-%d", os.Getpid(), serial.Add(1))
	if b.container, err = n.client.NewContainer(b.ctx, id, containerd.WithSpec(spec), containerd.WithRuntime(runtimeName, nil)); err != nil {
		return nil, err
	}
	if !*leave {
		t.Cleanup(func() { b.remove() })
	}
	if b.task, err = b.container.NewTask(b.ctx, cio.NewCreator(cio.WithStreams(nil, b.out, b.out))); err != nil {
		return b, err
	}
	b.exit, err = b.task.Wait(b.ctx)
	return b, err
}

// boot creates and starts.
func (n *node) boot(t *suite.T, spec *specs.Spec) *box {
	b, err := n.create(t, spec)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	if err := b.task.Start(b.ctx); err != nil {
		t.Fatalf("start: %v", err)
	}
	return b
}

// run boots, waits, removes, and gives exit code and output.
func (n *node) run(t *suite.T, spec *specs.Spec) (uint32, string) {
	b := n.boot(t, spec)
	code := b.wait()
	b.remove()
	return code, b.out.String()
}

// print runs a command line as user and gives what it printed; it must exit with 0.
func (n *node) print(t *suite.T, user, line string) string {
	code, out := n.run(t, n.spec(t, user, line))
	if code != 0 {
		t.Errorf("%s, as %s: exit code %d: %s", line, user, code, out)
	}
	return out
}

func (b *box) wait() uint32 {
	select {
	case status := <-b.exit:
		if status.Error() != nil {
			b.t.Fatalf("wait: %v", status.Error())
		}
		return status.ExitCode()
	case <-b.ctx.Done():
		b.t.Fatalf("the container does not exit; it printed %q", b.out.String())
		return 0
	}
}

// exec runs a command line in the container and gives exit code and output.
func (b *box) exec(line string, terminal bool) (uint32, string, error) {
	out := &buffer{}
	streams := []cio.Opt{cio.WithStreams(nil, out, out)}
	process := &specs.Process{CommandLine: line, Cwd: `C:\`, User: b.spec.Process.User, Terminal: terminal}
	if terminal {
		reader, writer := io.Pipe()
		defer writer.Close()
		streams = []cio.Opt{cio.WithStreams(reader, out, nil), cio.WithTerminal}
	}
	p, err := b.task.Exec(b.ctx, fmt.Sprintf("x%d", serial.Add(1)), process, cio.NewCreator(streams...))
	if err != nil {
		return 0, "", err
	}
	defer func() { _, _ = p.Delete(b.ctx, containerd.WithProcessKill) }()
	exit, err := p.Wait(b.ctx)
	if err == nil {
		err = p.Start(b.ctx)
	}
	if err != nil {
		return 0, "", err
	}
	select {
	case status := <-exit:
		p.IO().Wait()
		return status.ExitCode(), out.String(), status.Error()
	case <-b.ctx.Done():
		return 0, out.String(), fmt.Errorf("%s does not exit", line)
	}
}

// remove deletes task and container, once; the case's own time may be up by then.
func (b *box) remove() {
	if b.removed {
		return
	}
	b.removed = true
	ctx, cancel := context.WithTimeout(b.n.context(context.Background()), time.Minute)
	defer cancel()
	if b.task != nil {
		_ = b.task.Kill(ctx, syscall.SIGKILL)
		if _, err := b.task.Delete(ctx, containerd.WithProcessKill); err != nil {
			b.t.Errorf("delete: %v", err)
		}
	}
	if err := b.container.Delete(ctx); err != nil {
		b.t.Errorf("delete of the container: %v", err)
	}
}

// refused checks that Create of a spec fails, and that the error says why.
func (n *node) refused(t *suite.T, spec *specs.Spec, why string) {
	_, err := n.create(t, spec)
	if err == nil {
		t.Errorf("it is accepted")
	} else if !strings.Contains(err.Error(), why) {
		t.Errorf("the error does not say %q: %v", why, err)
	}
}

func commandCases(n *node) []suite.Case {
	var all []suite.Case
	for _, behavior := range []string{"bind", "symlink"} {
		for _, c := range commands.Table() {
			all = append(all, suite.Case{Name: "command/" + behavior + "/" + c.Name(), Row: "5: command table, " + behavior, Run: func(t *suite.T) {
				spec := n.spec(t, systemUser, c.Line)
				spec.Annotations[mountBehavior] = behavior
				if c.Cwd != "" {
					spec.Process.Cwd = c.Cwd
				}
				if _, out := n.run(t, spec); !strings.Contains(out, c.Says) {
					t.Errorf("it prints %q, not %q", out, c.Says)
				}
			}})
		}
	}
	return all
}
