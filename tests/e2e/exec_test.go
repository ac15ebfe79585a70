package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
)

func TestExec(t *testing.T) {
	c := spec(t, "sleep", "1000")
	b := shared.boot(t, c, options{})
	sub(t, "output-and-exit-code", func(t *testing.T) {
		b := *b
		b.t = t
		status, out, err := b.exec("sh", "-c", "echo out; echo err >&2; exit 3")
		if status != 3 || out != "out\n" || err != "err\n" {
			t.Errorf("status %d, stdout %q, stderr %q", status, out, err)
		}
	})
	sub(t, "stdin-to-its-end", func(t *testing.T) {
		status, out, _, err := b.tryExec(process("cat"), strings.NewReader("what goes in\n"))
		if err != nil || status != 0 || out != "what goes in\n" {
			t.Errorf("status %d, stdout %q, error %v", status, out, err)
		}
	})
	sub(t, "terminal", func(t *testing.T) {
		status, out, _, err := b.tryExec(onTerminal("sh", "-c", "test -t 0 && test -t 1 && "+terminalName+" && exit 5"), nil)
		if err != nil || status != 5 || !strings.Contains(out, terminalPrefix) {
			t.Errorf("status %d, stdout %q, error %v", status, out, err)
		}
	})
	sub(t, "missing-program", func(t *testing.T) {
		_, _, _, err := b.tryExec(process("no-such-program"), nil)
		if err == nil || !strings.Contains(err.Error(), "no-such-program") || !errdefs.IsNotFound(err) {
			t.Errorf("exec of a missing program: %v", err)
		}
	})
	sub(t, "the-container-is-its-world", func(t *testing.T) {
		_, out, _ := b.exec("sh", "-c", "pwd; cat '"+volume(c)+"/data/hello'")
		if out != volume(c)+"\nhello from the image\n" {
			t.Errorf("stdout %q", out)
		}
	})
	sub(t, "many-at-once", func(t *testing.T) {
		var group sync.WaitGroup
		for i := range 40 {
			group.Go(func() {
				want := fmt.Sprintf("line %d\n", i)
				status, out, _, err := b.tryExec(process("echo", "line", fmt.Sprint(i)), nil)
				if err != nil || status != 0 || out != want {
					t.Errorf("exec %d: status %d, stdout %q, error %v", i, status, out, err)
				}
			})
		}
		group.Wait()
	})
	sub(t, "hundreds-leave-no-trace", func(t *testing.T) {
		shim := b.shimPid()
		before := openHandles(t, shim)
		for range execCount {
			if status, _, _ := b.exec("true"); status != 0 {
				t.Fatalf("status %d", status)
			}
		}
		eventually(t, "as few descriptors as before", func() bool { return openHandles(t, shim) <= before })
		pids, err := b.task.Pids(b.ctx)
		if err != nil || workloads(pids) != 1 {
			t.Errorf("pids %v, error %v", pids, err)
		}
	})
	sub(t, "in-a-container-that-is-not-running", func(t *testing.T) {
		created, err := shared.create(t, spec(t, "true"), options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := created.tryExec(process("true"), nil); !errdefs.IsFailedPrecondition(err) {
			t.Errorf("exec before start: %v", err)
		}
	})
	sub(t, "a-grandchild-that-keeps-stdout", func(t *testing.T) {
		status, out, _ := b.exec("sh", "-c", "echo said; sleep 500 & sleep 0.3; exit 0")
		if status != 0 || out != "said\n" {
			t.Errorf("status %d, stdout %q", status, out)
		}
	})
}
