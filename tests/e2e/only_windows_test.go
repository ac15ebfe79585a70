package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/containerd/errdefs"
)

// What Linux' cases do not ask, for it is Windows' own.

// The metrics that kubelet reads: of the type that containerd's CRI plugin takes.
func TestWindowsStatistics(t *testing.T) {
	b := shared.boot(t, spec(t, "sleep", "1000"), options{})
	first := statistics(t, b)
	if first.GetContainerStartTime().AsTime().Unix() <= 0 || first.GetMemory() == nil || first.GetProcessor() == nil {
		t.Errorf("%v", first)
	}
	eventually(t, "its time goes on", func() bool { return statistics(t, b).GetUptimeNS() > first.GetUptimeNS() })
}

// The shim's log comes through its pipe into containerd's.
func TestWindowsLog(t *testing.T) {
	s := own(t)
	b := s.boot(t, spec(t, "sleep", "1000"), options{})
	logged := func(words ...string) func() bool {
		return func() bool {
			data, _ := os.ReadFile(filepath.Join(s.dir, "containerd.log"))
			for _, line := range strings.Split(string(data), "\n") {
				found := strings.Contains(line, b.id)
				for _, word := range words {
					found = found && strings.Contains(line, word)
				}
				if found {
					return true
				}
			}
			return false
		}
	}
	eventually(t, "containerd has the shim's line", logged("namespace="+s.namespace, "the shim serves"))
}

func TestWindowsSignals(t *testing.T) {
	b := shared.boot(t, spec(t, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"), options{})
	eventually(t, "the trap is set", func() bool { return strings.Contains(b.out.String(), "ready") })
	b.kill(syscall.SIGTERM)
	if err := b.task.Kill(b.ctx, syscall.SIGQUIT); !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), "signal 3") {
		t.Errorf("a signal that Windows has not: %v", err)
	}
	if _, out, _ := b.exec("echo", "it runs"); out != "it runs\n" {
		t.Errorf("after a signal that is ignored: %q", out)
	}
	b.kill(syscall.SIGKILL)
	if status := b.wait(); status != 137 {
		t.Errorf("status %d, not 137", status)
	}
	b.delete()
}

// Hundreds of execs leave a shim as large as it was, by what the system says of it
// from outside; TestExec says so of its handles.
func TestWindowsMemory(t *testing.T) {
	const warm, count, bound = 40, 160, 512
	b := shared.boot(t, spec(t, "sleep", "1000"), options{})
	shim := b.shimPid()
	execs := func(n int) int {
		for range n {
			if status, _, _ := b.exec("true"); status != 0 {
				t.Fatalf("status %d", status)
			}
		}
		return ownMemory(t, shim)
	}
	before := execs(warm)
	after := execs(count)
	t.Logf("%d KiB before, %d after %d execs", before, after, count)
	if after-before > bound {
		t.Errorf("%d KiB before, %d after %d execs: more than %d KiB of growth", before, after, count, bound)
	}
}
