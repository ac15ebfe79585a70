package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/errdefs"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	hostProcess   = "microsoft.com/hostprocess-container"
	inheritUser   = "microsoft.com/hostprocess-inherit-user"
	rootLocation  = "microsoft.com/hostprocess-rootfs-location"
	mountBehavior = "microsoft.com/hostprocess-mount-behavior"
	containerType = "io.kubernetes.cri.container-type"
	sandboxID     = "io.kubernetes.cri.sandbox-id"
)

var serial atomic.Int64

// newID gives ids that no two tests share.
func newID(t testing.TB) string {
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(strings.TrimPrefix(t.Name(), "Test")))
	if len(name) > 40 {
		name = name[:40]
	}
	return fmt.Sprintf("%s-%d", strings.Trim(name, "-"), serial.Add(1))
}

// image makes a small root file system; containers take it as their volume.
func image(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(shared.dir, "image-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"bin", "etc", "data"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "data", "hello"), "hello from the image\n", 0o644)
	imageProgram(t, filepath.Join(dir, "bin", "of-the-image"))
	return dir
}

func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// spec is a HostProcess container's config.json that runs args as SYSTEM.
func spec(t testing.TB, args ...string) *specs.Spec {
	s := &specs.Spec{
		Version: "1.1.0",
		Process: &specs.Process{
			Args: args, Cwd: "/", Env: []string{"PATH=" + searchPath},
			User: specs.User{Username: `NT AUTHORITY\SYSTEM`},
		},
		Root:        &specs.Root{Path: image(t)},
		Annotations: map[string]string{hostProcess: "true"},
	}
	onHost(s)
	return s
}

// process is what an exec runs: args with the container's PATH.
func process(args ...string) *specs.Process {
	return &specs.Process{Args: args, Cwd: "/", Env: []string{"PATH=" + searchPath}}
}

func onTerminal(args ...string) *specs.Process {
	p := process(args...)
	p.Terminal = true
	return p
}

// box is a container, its task and its streams.
type box struct {
	t         testing.TB
	s         *server
	ctx       context.Context
	id        string
	container containerd.Container
	task      containerd.Task
	exit      <-chan containerd.ExitStatus
	out, err  *buffer
}

type options struct {
	stdin    io.Reader
	terminal bool
	creator  cio.Creator
	newTask  []containerd.NewTaskOpts
	id       string
	runtime  []containerd.NewContainerOpts
}

// create makes the container and its task; the test's end removes both.
func (s *server) create(t testing.TB, spec *specs.Spec, o options) (*box, error) {
	t.Helper()
	b := &box{t: t, s: s, ctx: s.context(), id: o.id, out: &buffer{}, err: &buffer{}}
	if b.id == "" {
		b.id = newID(t)
	}
	opts := append([]containerd.NewContainerOpts{containerd.WithSpec(spec), containerd.WithRuntime(runtimeName, nil)}, o.runtime...)
	var err error
	if b.container, err = s.client.NewContainer(b.ctx, b.id, opts...); err != nil {
		return nil, err
	}
	t.Cleanup(b.remove)
	creator := o.creator
	if creator == nil {
		creator = clientStreams(s, o.stdin, b.out, b.err, o.terminal)
	}
	if b.task, err = b.container.NewTask(b.ctx, creator, o.newTask...); err != nil {
		return b, err
	}
	if b.exit, err = b.task.Wait(b.ctx); err != nil {
		return b, err
	}
	return b, nil
}

// boot creates and starts, and fails the test if either does not work.
func (s *server) boot(t testing.TB, spec *specs.Spec, o options) *box {
	t.Helper()
	b, err := s.create(t, spec, o)
	if err != nil {
		t.Fatal("create: ", err)
	}
	if err := b.task.Start(b.ctx); err != nil {
		t.Fatal("start: ", err)
	}
	return b
}

// run runs args to their end and returns exit status and streams.
func (s *server) run(t testing.TB, spec *specs.Spec) (uint32, string, string) {
	t.Helper()
	b := s.boot(t, spec, options{})
	status := b.wait()
	b.delete()
	return status, b.out.String(), b.err.String()
}

// wait returns when init has ended and its output is whole.
func (b *box) wait() uint32 {
	b.t.Helper()
	status := waitFor(b.t, b.exit)
	drained(b.t, b.task.IO())
	return status
}

func waitFor(t testing.TB, exit <-chan containerd.ExitStatus) uint32 {
	t.Helper()
	select {
	case status := <-exit:
		if status.Error() != nil {
			t.Fatal("wait: ", status.Error())
		}
		return status.ExitCode()
	case <-time.After(patience):
		t.Fatal("the process does not end")
	}
	return 0
}

// delete deletes the task, which must work; its output is whole afterwards.
func (b *box) delete() {
	b.t.Helper()
	if _, err := b.task.Delete(b.ctx); err != nil {
		b.t.Fatal("delete: ", err)
	}
	b.task = nil
}

func (b *box) kill(signal syscall.Signal, o ...containerd.KillOpts) {
	b.t.Helper()
	if err := b.task.Kill(b.ctx, signal, o...); err != nil {
		b.t.Fatal("kill: ", err)
	}
}

// remove is the end of every test's container, however far it got.
func (b *box) remove() {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if b.task != nil {
		if _, err := b.task.Delete(ctx, containerd.WithProcessKill); err != nil && !errdefs.IsNotFound(err) {
			b.t.Errorf("removing the task of %s: %v", b.id, err)
		}
	}
	if err := b.container.Delete(ctx); err != nil && !errdefs.IsNotFound(err) {
		b.t.Errorf("removing the container %s: %v", b.id, err)
	}
}

// exec runs args in the container to their end.
func (b *box) exec(args ...string) (uint32, string, string) {
	b.t.Helper()
	status, out, err, failure := b.tryExec(process(args...), nil)
	if failure != nil {
		b.t.Fatal("exec: ", failure)
	}
	return status, out, err
}

// drained waits for the end of the streams, as a client must before it sends
// Delete: Delete of the client's library gives up a FIFO that its own thread
// has not come to open, whatever is in it.
func drained(t testing.TB, io cio.IO) {
	t.Helper()
	if io == nil { // of a task that was found again: nobody reads
		return
	}
	done := make(chan struct{})
	go func() {
		io.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the streams do not end")
	}
}

func (b *box) tryExec(process *specs.Process, stdin io.Reader) (uint32, string, string, error) {
	b.t.Helper()
	var out, err buffer
	var input *ending
	if stdin != nil { // a nil *ending would be a reader all the same
		input = &ending{Reader: stdin, end: make(chan struct{})}
		stdin = input
	}
	creator := clientStreams(b.s, stdin, &out, &err, process.Terminal)
	p, failure := b.task.Exec(b.ctx, fmt.Sprintf("exec-%d", serial.Add(1)), process, creator)
	if failure != nil {
		return 0, "", "", failure
	}
	exit, failure := p.Wait(b.ctx)
	if failure == nil {
		failure = p.Start(b.ctx)
	}
	if failure != nil {
		_, _ = p.Delete(b.ctx)
		return 0, "", "", failure
	}
	if input != nil {
		// As every client does: the end of a writer is no end of input, CloseIO is.
		<-input.end
		if failure := p.CloseIO(b.ctx, containerd.WithStdinCloser); failure != nil {
			b.t.Fatal("CloseIO of the exec: ", failure)
		}
	}
	status := waitFor(b.t, exit)
	drained(b.t, p.IO())
	if _, failure := p.Delete(b.ctx); failure != nil {
		b.t.Fatal("delete of the exec: ", failure)
	}
	return status, out.String(), err.String(), nil
}

// shimPid is the process that serves the container.
func (b *box) shimPid() int {
	b.t.Helper()
	data, err := os.ReadFile(filepath.Join(b.bundle(), "shim.pid"))
	if err != nil {
		b.t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(data), &pid); err != nil {
		b.t.Fatal(err)
	}
	return pid
}

func (b *box) bundle() string {
	return filepath.Join(b.s.dir, "state", "io.containerd.runtime.v2.task", b.s.namespace, b.id)
}

func (b *box) status() containerd.ProcessStatus {
	b.t.Helper()
	status, err := b.task.Status(b.ctx)
	if err != nil {
		b.t.Fatal("status: ", err)
	}
	return status.Status
}

// ending tells when its reader has come to its end.
type ending struct {
	io.Reader
	once sync.Once
	end  chan struct{}
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if err != nil {
		e.once.Do(func() { close(e.end) })
	}
	return n, err
}
