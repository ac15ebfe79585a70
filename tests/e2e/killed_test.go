package e2e

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/containerd/errdefs"
)

// Shims that are killed under a running containerd, some at once and while execs
// start: it says that each container was killed, and cleans up by `delete`. (Not
// all twenty at once: containerd gives each `delete` five seconds, which a
// machine that does other work as well does not have for so many.)
func TestKilledShims(t *testing.T) {
	for range 5 {
		killShims(t, 4)
	}
	if left := shared.leftovers(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

func killShims(t *testing.T, count int) {
	t.Helper()
	events := shared.record(t)
	boxes := make([]*box, count)
	for i := range boxes {
		s := spec(t, "sh", "-c", "sleep 4711 & exec sleep 4711")
		if i%2 == 1 {
			burden(t, s)
		} else {
			lightBurden(t, s)
		}
		boxes[i] = shared.boot(t, s, options{creator: nullIO})
	}
	var group sync.WaitGroup
	for _, b := range boxes {
		pid := b.shimPid()
		if !alive(pid) {
			t.Fatalf("pid %d is no shim", pid)
		}
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		defer cancel()
		group.Go(func() { // how far it gets is chance
			p, err := b.task.Exec(ctx, "racing", process("sleep", "4711"), nullIO)
			if err == nil {
				_ = p.Start(ctx)
			}
		})
		group.Go(func() {
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			kill9(pid)
		})
	}
	group.Wait()
	for _, b := range boxes {
		eventually(t, "the exit of "+b.id+" is published", func() bool {
			_, exited := events.exit(b.id)
			return exited
		})
		if status, _ := events.exit(b.id); status != killedStatus {
			t.Errorf("%s: status %d", b.id, status)
		}
	}
	for _, b := range boxes {
		if _, err := b.task.Delete(b.ctx); err != nil && !errdefs.IsNotFound(err) {
			t.Errorf("delete: %v", err)
		}
		b.task = nil
	}
}
