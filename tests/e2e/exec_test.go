package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestExec(t *testing.T) {
	b := shared.boot(t, spec(t, "sleep", "1000"), options{})
	t.Run("output-and-exit-code", func(t *testing.T) {
		b := *b
		b.t = t
		status, out, err := b.exec("sh", "-c", "echo out; echo err >&2; exit 3")
		if status != 3 || out != "out\n" || err != "err\n" {
			t.Errorf("status %d, stdout %q, stderr %q", status, out, err)
		}
	})
	t.Run("stdin-to-its-end", func(t *testing.T) {
		status, out, _, err := b.tryExec(&specs.Process{Args: []string{"cat"}, Cwd: "/"}, strings.NewReader("what goes in\n"))
		if err != nil || status != 0 || out != "what goes in\n" {
			t.Errorf("status %d, stdout %q, error %v", status, out, err)
		}
	})
	t.Run("terminal", func(t *testing.T) {
		status, out, _, err := b.tryExec(&specs.Process{Args: []string{"sh", "-c", "test -t 0 && test -t 1 && tty && exit 5"}, Cwd: "/", Terminal: true}, nil)
		if err != nil || status != 5 || !strings.HasPrefix(out, "/dev/pts/") {
			t.Errorf("status %d, stdout %q, error %v", status, out, err)
		}
	})
	t.Run("missing-program", func(t *testing.T) {
		_, _, _, err := b.tryExec(&specs.Process{Args: []string{"no-such-program"}, Cwd: "/"}, nil)
		if err == nil || !strings.Contains(err.Error(), "no-such-program") || !errdefs.IsNotFound(err) {
			t.Errorf("exec of a missing program: %v", err)
		}
	})
	t.Run("the-container-is-its-world", func(t *testing.T) {
		_, out, _ := b.exec("sh", "-c", "pwd; cat /hpc/data/hello")
		if out != "/hpc\nhello from the image\n" {
			t.Errorf("stdout %q", out)
		}
	})
	t.Run("many-at-once", func(t *testing.T) {
		var group sync.WaitGroup
		for i := range 40 {
			group.Go(func() {
				want := fmt.Sprintf("line %d\n", i)
				status, out, _, err := b.tryExec(&specs.Process{Args: []string{"echo", "line", fmt.Sprint(i)}, Cwd: "/"}, nil)
				if err != nil || status != 0 || out != want {
					t.Errorf("exec %d: status %d, stdout %q, error %v", i, status, out, err)
				}
			})
		}
		group.Wait()
	})
	t.Run("hundreds-leave-no-trace", func(t *testing.T) {
		shim := b.shimPid()
		before := openDescriptors(t, shim)
		for range 300 {
			if status, _, _ := b.exec("true"); status != 0 {
				t.Fatalf("status %d", status)
			}
		}
		eventually(t, "as few descriptors as before", func() bool { return openDescriptors(t, shim) <= before })
		pids, err := b.task.Pids(b.ctx)
		if err != nil || len(pids) != 1 {
			t.Errorf("pids %v, error %v", pids, err)
		}
	})
	t.Run("in-a-container-that-is-not-running", func(t *testing.T) {
		created, err := shared.create(t, spec(t, "true"), options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := created.tryExec(&specs.Process{Args: []string{"true"}, Cwd: "/"}, nil); !errdefs.IsFailedPrecondition(err) {
			t.Errorf("exec before start: %v", err)
		}
	})
	t.Run("a-grandchild-that-keeps-stdout", func(t *testing.T) {
		status, out, _ := b.exec("sh", "-c", "echo said; sleep 500 & exit 0")
		if status != 0 || out != "said\n" {
			t.Errorf("status %d, stdout %q", status, out)
		}
	})
}
