//go:build crash

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	task "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/ttrpc"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The journal's proof. A shim that was built with HP_CRASH_POINTS stops dead at
// the n-th point of its life; whatever `delete` then leaves behind was made
// before it was journaled, or is released in the wrong order. Every n is tried
// until a whole life passes.

const mostPoints = 400

// life is what one shim is asked to make, and what must be gone afterwards.
type life struct {
	t      *testing.T
	h      *hand
	point  string // missing on the host, mounted on in the container
	shims  []int
	client *ttrpc.Client
	task   task.TTRPCTaskService
	// what `delete` is called for: the pod's sandbox stands for its members.
	id, bundle string
}

func newLife(t *testing.T) *life {
	t.Helper()
	return &life{t: t, h: byHand(t), point: fmt.Sprintf("/hp-e2e-%s/a/point", newID(t))}
}

// spec asks for all that a container can have on the host: a fresh uid, a
// missing mount point, a volume, a job with limits and processes of its own.
func (l *life) spec(behavior string) *specs.Spec {
	s := spec(l.t, "sh", "-c", "sleep 4711 & exec sleep 4711")
	s.Process.User = specs.User{Username: "daemon"}
	s.Process.Env = append(s.Process.Env, "HP_MARK="+l.h.dir)
	s.Annotations[mountBehavior] = behavior
	limit := int64(256 << 20)
	s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
	s.Mounts = []specs.Mount{bind(image(l.t), l.point), bind(image(l.t), filepath.Dir(l.point)+"/second")}
	return s
}

// up starts the shim that stops dead at its n-th point, 0 for never.
func (l *life) up(id, bundle string, at int) error {
	l.t.Helper()
	l.id, l.bundle = id, bundle
	l.h.env = nil
	if at > 0 {
		l.h.env = []string{fmt.Sprintf("HOSTPROCESS_CRASH_AT=%d", at)}
	}
	address, err := l.h.start(id, bundle)
	l.h.env = nil
	if err != nil {
		l.t.Fatal(err) // there is no point before it serves
	}
	l.shims = append(l.shims, l.h.pid(bundle))
	connection, err := net.Dial("unix", strings.TrimPrefix(address, "unix://"))
	if err != nil {
		return err
	}
	l.client = ttrpc.NewClient(connection)
	l.t.Cleanup(func() { _ = l.client.Close() })
	l.task = task.NewTTRPCTaskClient(l.client)
	return nil
}

func (l *life) exec(ctx context.Context, id, exec string, args ...string) error {
	process := anyOf(l.t, "Process", &specs.Process{Args: args, Cwd: "/", Env: []string{"HP_MARK=" + l.h.dir}})
	if _, err := l.task.Exec(ctx, &task.ExecProcessRequest{ID: id, ExecID: exec, Spec: process}); err != nil {
		return err
	}
	_, err := l.task.Start(ctx, &task.StartRequest{ID: id, ExecID: exec})
	return err
}

// begin creates and starts a container and gives it two execs.
func (l *life) begin(ctx context.Context, id, bundle string) error {
	if _, err := l.task.Create(ctx, &task.CreateTaskRequest{ID: id, Bundle: bundle}); err != nil {
		return err
	}
	if _, err := l.task.Start(ctx, &task.StartRequest{ID: id}); err != nil {
		return err
	}
	if err := l.exec(ctx, id, "short", "true"); err != nil {
		return err
	}
	if _, err := l.task.Wait(ctx, &task.WaitRequest{ID: id, ExecID: "short"}); err != nil {
		return err
	}
	if _, err := l.task.Delete(ctx, &task.DeleteRequest{ID: id, ExecID: "short"}); err != nil {
		return err
	}
	if err := l.exec(ctx, id, "long", "sleep", "4711"); err != nil {
		return err
	}
	limit := int64(128 << 20)
	resources := anyOf(l.t, "LinuxResources", &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}})
	_, err := l.task.Update(ctx, &task.UpdateTaskRequest{ID: id, Resources: resources})
	return err
}

// finish kills and deletes a container.
func (l *life) finish(ctx context.Context, id string) error {
	if _, err := l.task.Kill(ctx, &task.KillRequest{ID: id, Signal: 9, All: true}); err != nil {
		return err
	}
	if _, err := l.task.Wait(ctx, &task.WaitRequest{ID: id}); err != nil {
		return err
	}
	_, err := l.task.Delete(ctx, &task.DeleteRequest{ID: id})
	return err
}

func (l *life) shutdown(ctx context.Context) error {
	_, err := l.task.Shutdown(ctx, &task.ShutdownRequest{ID: l.id})
	return err
}

// gone waits until the shim has ended, by its crash or by its Shutdown.
func (l *life) gone(what string) {
	l.t.Helper()
	for _, pid := range l.shims {
		deadline := time.Now().Add(patience)
		for alive(pid) && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
		if alive(pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			l.t.Fatalf("%s: the shim %d lives on", what, pid)
		}
	}
}

// left says what is still there of it all.
func (l *life) left() string {
	s := &server{dir: l.h.dir, policy: l.h.policy, stateDir: filepath.Join(l.h.dir, "shim-state"), namespace: l.h.namespace}
	deadline := time.Now().Add(20 * time.Second)
	for {
		left := s.leftoversNow() + l.leftNow()
		if left == "" || time.Now().After(deadline) {
			return left
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (l *life) leftNow() string {
	var left []string
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		environ, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if bytes.Contains(environ, []byte("HP_MARK="+l.h.dir)) {
			left = append(left, "process "+entry.Name())
		}
	}
	top := "/" + strings.Split(l.point, "/")[1]
	if _, err := os.Lstat(top); err == nil {
		left = append(left, "mount point "+top)
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	if bytes.Contains(mounts, []byte(top)) {
		left = append(left, "a mount below "+top)
	}
	address, _ := os.ReadFile(filepath.Join(l.bundle, "address"))
	for _, name := range []string{"", ".lock"} {
		if path := strings.TrimPrefix(string(address), "unix://") + name; len(address) > 0 && exists(path) {
			left = append(left, "socket "+path)
		}
	}
	bundles, _ := filepath.Glob(l.h.dir + "/*/hostprocess*")
	left = append(left, bundles...)
	state, _ := filepath.Glob(l.h.dir + "/shim-state/*")
	for _, path := range state {
		if name := filepath.Base(path); name != "lock" && name != "ledger.json" {
			left = append(left, "state "+path)
		}
	}
	return strings.Join(left, "\n")
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// everyPoint lets a life of its own crash at each point until none is left.
// fewest keeps it honest: points that are compiled out, or that the life never
// reaches, are found missing.
func everyPoint(t *testing.T, fewest int, live func(t *testing.T, l *life, at int) (crashed bool)) {
	for at := 1; ; at++ {
		if at > mostPoints {
			t.Fatalf("point %d, and the shim still stops", at)
		}
		l := newLife(t)
		crashed := live(t, l, at)
		if left := l.left(); left != "" {
			t.Errorf("point %d: left behind:\n%s", at, left)
		}
		if t.Failed() {
			return
		}
		if !crashed {
			t.Logf("%d points", at-1)
			if at-1 < fewest {
				t.Errorf("only %d points were passed, not %d", at-1, fewest)
			}
			return
		}
	}
}

func TestCrash(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	whole := func(behavior string) func(ctx context.Context, l *life, at int) error {
		return func(ctx context.Context, l *life, at int) error {
			if err := l.up("crash", l.h.bundle("crash", l.spec(behavior)), at); err != nil {
				return err
			}
			if err := l.begin(ctx, "crash", l.bundle); err != nil {
				return err
			}
			if err := l.finish(ctx, "crash"); err != nil {
				return err
			}
			return l.shutdown(ctx)
		}
	}
	stories := []struct {
		name   string
		fewest int
		tell   func(ctx context.Context, l *life, at int) error
	}{
		{"bind", 40, whole("bind")},
		{"symlink", 40, whole("symlink")},
		{"a-Create-that-fails", 25, func(ctx context.Context, l *life, at int) error {
			if err := l.up("crash", l.h.bundle("crash", l.spec("symlink")), at); err != nil {
				return err
			}
			_, err := l.task.Create(ctx, &task.CreateTaskRequest{ID: "crash", Bundle: l.bundle, Stdout: "binary:///bin/false"})
			if err == nil {
				l.t.Fatal("a Create whose logger fails succeeds")
			}
			if !strings.Contains(err.Error(), "/bin/false") {
				return err
			}
			return l.shutdown(ctx)
		}},
		// Members that joined without `start` get no `delete`: that of the sandbox is theirs too.
		{"a-pod", 45, func(ctx context.Context, l *life, at int) error {
			sandbox, member := spec(l.t, "/pause"), l.spec("bind")
			sandbox.Annotations[containerType], sandbox.Annotations[sandboxID] = "sandbox", "pod"
			member.Annotations[containerType], member.Annotations[sandboxID] = "container", "pod"
			pod, app := l.h.bundle("pod", sandbox), l.h.bundle("app", member)
			if err := l.up("pod", pod, at); err != nil {
				return err
			}
			if _, err := l.task.Create(ctx, &task.CreateTaskRequest{ID: "pod", Bundle: pod}); err != nil {
				return err
			}
			if _, err := l.task.Start(ctx, &task.StartRequest{ID: "pod"}); err != nil {
				return err
			}
			if err := l.begin(ctx, "app", app); err != nil {
				return err
			}
			if err := l.finish(ctx, "app"); err != nil {
				return err
			}
			if err := l.finish(ctx, "pod"); err != nil {
				return err
			}
			return l.shutdown(ctx)
		}},
	}
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			everyPoint(t, s.fewest, func(t *testing.T, l *life, at int) bool {
				failed := s.tell(ctx, l, at)
				l.gone(fmt.Sprintf("point %d: %v", at, failed))
				for range 2 { // the second finds nothing, and says so by success
					if _, err := l.h.delete(l.id, l.bundle); err != nil {
						t.Errorf("point %d: delete: %v", at, err)
					}
				}
				return failed != nil
			})
		})
	}

	// `delete` has five seconds, then it is killed: the next one goes on where it stopped.
	for _, behavior := range []string{"bind", "symlink"} {
		t.Run("delete/"+behavior, func(t *testing.T) {
			everyPoint(t, 15, func(t *testing.T, l *life, at int) bool {
				if err := l.up("crash", l.h.bundle("crash", l.spec(behavior)), 0); err != nil {
					t.Fatal(err)
				}
				if err := l.begin(ctx, "crash", l.bundle); err != nil {
					t.Fatal(err)
				}
				_ = syscall.Kill(l.shims[0], syscall.SIGKILL)
				l.gone("killed")
				l.h.env = []string{fmt.Sprintf("HOSTPROCESS_CRASH_AT=%d", at)}
				_, err := l.h.delete("crash", l.bundle)
				l.h.env = nil
				var exit *exec.ExitError
				if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 137) {
					t.Errorf("point %d: delete: %v", at, err)
				}
				if _, err := l.h.delete("crash", l.bundle); err != nil {
					t.Errorf("point %d: the delete after it: %v", at, err)
				}
				return err != nil
			})
		})
	}
}
