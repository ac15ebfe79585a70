package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	apievents "github.com/containerd/containerd/api/events"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/events"
	"github.com/containerd/typeurl/v2"
)

// recorder keeps the topics of each container, as they come.
type recorder struct {
	mutex  sync.Mutex
	topics map[string][]string
	exits  map[string]uint32 // by container, or container/exec
	cancel context.CancelFunc
}

func (s *server) record(t *testing.T) *recorder {
	t.Helper()
	ctx, cancel := context.WithCancel(s.context())
	r := &recorder{topics: map[string][]string{}, exits: map[string]uint32{}, cancel: cancel}
	t.Cleanup(cancel)
	stream, _ := s.client.Subscribe(ctx, `topic~="/tasks/"`)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case event := <-stream:
				r.take(event)
			}
		}
	}()
	return r
}

func (r *recorder) take(event *events.Envelope) {
	data, err := typeurl.UnmarshalAny(event.Event)
	if err != nil {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	id := ""
	topic := strings.TrimPrefix(event.Topic, "/tasks/")
	switch e := data.(type) {
	case *apievents.TaskExit:
		id = e.ContainerID
		if e.ID != e.ContainerID {
			topic += ":" + e.ID
			r.exits[e.ContainerID+"/"+e.ID] = e.ExitStatus
		} else {
			r.exits[id] = e.ExitStatus
		}
	case interface{ GetContainerID() string }:
		id = e.GetContainerID()
	}
	r.topics[id] = append(r.topics[id], topic)
}

func (r *recorder) of(id string) string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return strings.Join(r.topics[id], " ")
}

func (r *recorder) exit(id string) (uint32, bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	status, ok := r.exits[id]
	return status, ok
}

func TestEvents(t *testing.T) {
	r := shared.record(t)
	sub(t, "in-order", func(t *testing.T) {
		b := shared.boot(t, spec(t, "sh", "-c", "exit 3"), options{})
		b.wait()
		b.delete()
		eventually(t, "all four: "+r.of(b.id), func() bool { return r.of(b.id) == "create start exit delete" })
		if status, _ := r.exit(b.id); status != 3 {
			t.Errorf("exit status %d", status)
		}
	})
	sub(t, "of-an-exec", func(t *testing.T) {
		b := shared.boot(t, spec(t, "sleep", "1000"), options{})
		p, err := b.task.Exec(b.ctx, "e", process("true"), nullIO)
		if err != nil {
			t.Fatal(err)
		}
		exit, err := p.Wait(b.ctx)
		if err == nil {
			err = p.Start(b.ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
		waitFor(t, exit)
		if _, err := p.Delete(b.ctx); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the exec's events", func() bool {
			return strings.HasPrefix(r.of(b.id), "create start exec-added exec-started exit:e")
		})
	})
	sub(t, "paused-and-resumed", func(t *testing.T) {
		b := shared.boot(t, spec(t, "sleep", "1000"), options{})
		if err := b.task.Pause(b.ctx); err != nil {
			t.Fatal(err)
		}
		if err := b.task.Resume(b.ctx); err != nil {
			t.Fatal(err)
		}
		eventually(t, "both", func() bool { return r.of(b.id) == "create start paused resumed" })
	})
}

// containerd is killed under load, ten of twenty containers exit while it is
// down, and it comes back.
func TestRestart(t *testing.T) {
	s := own(t)
	const count = 20
	var boxes []*box
	var open [count]func()
	for i := range count {
		script := "while :; do sleep 0.1; done"
		if i%2 == 0 {
			var line string
			line, open[i] = gate(t, s.dir, i)
			script = fmt.Sprintf("%s; exit %d", line, 10+i)
		}
		boxes = append(boxes, s.boot(t, spec(t, "sh", "-c", script), options{creator: nullIO}))
	}
	s.kill()
	for i := 0; i < count; i += 2 {
		open[i]()
	}
	time.Sleep(300 * time.Millisecond)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	r := s.record(t)
	for i, b := range boxes {
		container, err := s.client.LoadContainer(s.context(), b.id)
		if err != nil {
			t.Fatal(err)
		}
		b.container = container
		if b.task, err = container.Task(s.context(), nil); err != nil {
			t.Fatalf("container %d is lost: %v", i, err)
		}
		if b.exit, err = b.task.Wait(b.ctx); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if status := b.wait(); status != uint32(10+i) {
				t.Errorf("container %d: status %d", i, status)
			}
			continue
		}
		if got := b.status(); got != containerd.Running {
			t.Errorf("container %d is %s", i, got)
		}
		status, out, _, err := b.tryExec(process("echo", "alive"), nil)
		if err != nil || status != 0 || out != "alive\n" {
			t.Errorf("container %d: exec: status %d, stdout %q, error %v", i, status, out, err)
		}
	}
	for i, b := range boxes {
		if i%2 != 0 {
			b.kill(syscall.SIGKILL)
			b.wait()
			eventually(t, "its exit event", func() bool { status, ok := r.exit(b.id); return ok && status == 137 })
		}
		b.delete()
	}
}
