package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"
)

func TestLifecycle(t *testing.T) {
	sub(t, "states", func(t *testing.T) {
		b, err := shared.create(t, spec(t, "sleep", "1000"), options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := b.status(); got != containerd.Created {
			t.Errorf("after create: %s", got)
		}
		if err := b.task.Start(b.ctx); err != nil {
			t.Fatal(err)
		}
		if got := b.status(); got != containerd.Running {
			t.Errorf("after start: %s", got)
		}
		if err := b.task.Start(b.ctx); !errdefs.IsFailedPrecondition(err) {
			t.Errorf("second start: %v", err)
		}
		if _, err := b.task.Delete(b.ctx); !errdefs.IsFailedPrecondition(err) {
			t.Errorf("delete of a running task: %v", err)
		}
		b.kill(syscall.SIGKILL)
		if status := b.wait(); status != 137 {
			t.Errorf("status %d, not 137", status)
		}
		if got := b.status(); got != containerd.Stopped {
			t.Errorf("after the exit: %s", got)
		}
		if err := b.task.Kill(b.ctx, syscall.SIGTERM); !errdefs.IsNotFound(err) {
			t.Errorf("kill of a finished task: %v", err)
		}
		b.delete()
	})
	sub(t, "SIGTERM-that-is-handled", func(t *testing.T) {
		b := shared.boot(t, spec(t, "sh", "-c", "trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.05; done"), options{})
		eventually(t, "the trap is set", func() bool { return strings.Contains(b.out.String(), "ready") })
		b.kill(syscall.SIGTERM)
		if status := b.wait(); status != 9 {
			t.Errorf("status %d", status)
		}
		b.delete()
		if b.out.String() != "ready\nbye\n" {
			t.Errorf("stdout %q", b.out)
		}
	})
	sub(t, "the-time-of-the-exit-is-the-exits", func(t *testing.T) {
		line, open := gate(t, shared.dir, 1)
		b := shared.boot(t, spec(t, "sh", "-c", line+"; exit 3"), options{})
		before := time.Now()
		open()
		eventually(t, "it has ended", func() bool { return b.status() == containerd.Stopped })
		after := time.Now()
		time.Sleep(time.Second) // whoever asks late is told the same
		status := <-b.exit
		late, err := b.task.Wait(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		again := <-late
		deleted, err := b.task.Delete(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		b.task = nil
		for _, told := range []containerd.ExitStatus{status, again, *deleted} {
			if told.ExitCode() != 3 || told.ExitTime().Before(before) || told.ExitTime().After(after) || !told.ExitTime().Equal(status.ExitTime()) {
				t.Errorf("status %d at %v, not 3 between %v and %v", told.ExitCode(), told.ExitTime(), before, after)
			}
		}
	})
	sub(t, "delete-of-a-created-task", func(t *testing.T) {
		b, err := shared.create(t, spec(t, "true"), options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.task.Delete(b.ctx, containerd.WithProcessKill); err != nil {
			t.Error(err)
		}
		b.task = nil
	})
	sub(t, "what-init-leaves-running-ends", func(t *testing.T) {
		line := fmt.Sprintf("sleep 1%07d", os.Getpid()) // that no other run has
		b := shared.boot(t, spec(t, "sh", "-c", line+" >/dev/null 2>&1 & sleep 0.3; echo $!"), options{})
		if status := b.wait(); status != 0 {
			t.Errorf("status %d", status)
		}
		b.delete()
		if strings.TrimSpace(b.out.String()) == "" || isRunning(line) {
			t.Errorf("process %q lives on after delete", b.out)
		}
	})
	sub(t, "kill-all", func(t *testing.T) {
		b := shared.boot(t, spec(t, "sh", "-c", "sleep 1000 & sleep 1000 & echo ready; wait"), options{})
		eventually(t, "it runs", func() bool { return b.out.Len() > 0 })
		eventually(t, "there are three processes", func() bool {
			pids, err := b.task.Pids(b.ctx)
			return err == nil && workloads(pids) == 3
		})
		b.kill(syscall.SIGKILL, containerd.WithKillAll)
		if status := b.wait(); status != 137 {
			t.Errorf("status %d", status)
		}
		b.delete()
	})
	sub(t, "pause-and-resume", func(t *testing.T) {
		file := filepath.Join(image(t), "count")
		b := shared.boot(t, spec(t, "sh", "-c", "while :; do echo x >> "+file+"; sleep 0.02; done"), options{})
		size := func() int64 {
			info, err := os.Stat(file)
			if err != nil {
				return 0
			}
			return info.Size()
		}
		eventually(t, "it counts", func() bool { return size() > 4 })
		if err := b.task.Pause(b.ctx); err != nil {
			t.Fatal(err)
		}
		if got := b.status(); got != containerd.Paused {
			t.Errorf("after pause: %s", got)
		}
		before := size()
		time.Sleep(300 * time.Millisecond)
		if after := size(); after != before {
			t.Errorf("it went on from %d to %d while paused", before, after)
		}
		if err := b.task.Resume(b.ctx); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it goes on", func() bool { return size() > before })
		b.kill(syscall.SIGKILL)
		b.wait()
	})
	sub(t, "checkpoint-is-unimplemented", func(t *testing.T) {
		b := shared.boot(t, spec(t, "sleep", "1000"), options{})
		if _, err := b.task.Checkpoint(b.ctx); err == nil {
			t.Error("checkpoint succeeds")
		}
		if got := b.status(); got != containerd.Running {
			t.Errorf("after the checkpoint: %s", got)
		}
	})
	sub(t, "pids-with-exec-ids", func(t *testing.T) {
		b := shared.boot(t, spec(t, "sleep", "1000"), options{})
		p, err := b.task.Exec(b.ctx, "probe", process("sleep", "1000"), nullIO)
		if err != nil {
			t.Fatal(err)
		}
		exit, err := p.Wait(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(b.ctx); err != nil {
			t.Fatal(err)
		}
		pids, err := b.task.Pids(b.ctx)
		if err != nil || workloads(pids) != 2 {
			t.Fatalf("pids %v, error %v", pids, err)
		}
		var named bool
		for _, info := range pids {
			if info.Pid == p.Pid() {
				named = info.Info != nil && strings.Contains(string(info.Info.GetValue()), "probe")
			}
		}
		if !named {
			t.Errorf("no pid carries the exec's id: %v", pids)
		}
		if err := p.Kill(b.ctx, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if status := waitFor(t, exit); status != 137 {
			t.Errorf("status %d", status)
		}
		if _, err := p.Delete(b.ctx); err != nil {
			t.Error(err)
		}
	})
	sub(t, "second-create-of-an-id", func(t *testing.T) {
		b := shared.boot(t, spec(t, "sleep", "1000"), options{})
		if _, err := b.container.NewTask(b.ctx, nullIO); !errdefs.IsAlreadyExists(err) {
			t.Errorf("second create: %v", err)
		}
		if got := b.status(); got != containerd.Running {
			t.Errorf("after it: %s", got)
		}
	})
}

func TestLimits(t *testing.T) {
	sub(t, "memory-is-enforced-and-OOM-is-told", func(t *testing.T) {
		s := spec(t, "sh", "-c", "exec tail /dev/zero")
		limitMemory(s, 32<<20)
		ctx, cancel := context.WithCancel(shared.context())
		defer cancel()
		events, _ := shared.client.Subscribe(ctx, `topic=="/tasks/oom"`)
		b := shared.boot(t, s, options{})
		if status := b.wait(); status != 137 {
			t.Errorf("status %d, not 137", status)
		}
		select {
		case event := <-events:
			if !strings.Contains(string(event.Event.GetValue()), b.id) {
				t.Errorf("OOM of another container: %v", event)
			}
		case <-time.After(patience):
			t.Error("no OOM event")
		}
		b.delete()
	})
	sub(t, "update-live", func(t *testing.T) {
		s := spec(t, "sleep", "1000")
		limitMemory(s, 64<<20)
		b := shared.boot(t, s, options{})
		for _, bytes := range []int64{128 << 20, 48 << 20} {
			if err := b.task.Update(b.ctx, containerd.WithResources(memoryOf(bytes))); err != nil {
				t.Fatal(err)
			}
			if got := memoryLimit(t, b); got != uint64(bytes) {
				t.Errorf("the limit is %d, not %d", got, bytes)
			}
		}
	})
	sub(t, "stats", func(t *testing.T) {
		b := shared.boot(t, spec(t, "sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo done; sleep 1000"), options{})
		eventually(t, "it has burnt some CPU", func() bool { return b.out.Len() > 0 })
		if cpu, memory := usage(t, b); cpu == 0 || memory == 0 {
			t.Errorf("CPU %d ns, memory %d bytes", cpu, memory)
		}
	})
	sub(t, "pids", func(t *testing.T) {
		s := spec(t, "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1000 & done; echo all; wait")
		limitProcesses(s, 5)
		b := shared.boot(t, s, options{})
		eventually(t, "fork is refused", func() bool { return strings.Contains(strings.ToLower(b.err.String()), "fork") })
		b.task.Kill(b.ctx, syscall.SIGKILL, containerd.WithKillAll)
		b.wait()
	})
}

func metrics(t *testing.T, b *box) any {
	t.Helper()
	metric, err := b.task.Metrics(b.ctx)
	if err != nil {
		t.Fatal("metrics: ", err)
	}
	data, err := typeurl.UnmarshalAny(metric.Data)
	if err != nil {
		t.Fatal("metrics: ", err)
	}
	return data
}
