package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	eventtypes "github.com/containerd/containerd/api/events"
	task "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// TestShimChaos has many callers make calls of every kind, in no order, on the
// same few containers and execs. Most are refused. Nothing may be refused for a
// wrong reason, or stay unanswered, or be left behind; and the events of every
// container must tell a life that is possible.
func TestShimChaos(t *testing.T) {
	const callers, calls = 8, 120
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	h := byHand(t)
	h.ttrpc = receiverAddress(h.dir)
	events := listen(t, h.ttrpc)
	ids := []string{"a", "b", "c"}
	bundles := map[string]string{}
	for i, id := range ids {
		bundles[id] = h.bundle(id, spec(t, "sh", "-c", []string{"sleep 1000", "sleep 0.1; exit 3", "trap '' TERM; sleep 1000 & wait; wait"}[i]))
	}
	stdout, stdin := openPipe(t, h.dir, "out", true), openPipe(t, h.dir, "in", false)
	streams := []task.ExecProcessRequest{{}, {Stdout: stdout, Stderr: stdout}, {Stdin: stdin, Stdout: stdout, Terminal: true},
		{Stdin: stdin, Stdout: fileURI(filepath.Join(h.dir, "file"))}, {Stdout: missingPipe(h.dir)}}
	service, client := h.up("a", bundles["a"])

	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(caller)))
			for range calls {
				anyCall(t, service, random, bundles, &streams[random.IntN(len(streams))])
			}
		})
	}
	group.Wait()

	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	for _, id := range ids {
		if _, err := service.State(ctx, &task.StateRequest{ID: id}); errdefs.IsNotFound(code(err)) {
			continue
		}
		_, _ = service.Resume(ctx, &task.ResumeRequest{ID: id})
		_, _ = service.Kill(ctx, &task.KillRequest{ID: id, Signal: 9, All: true})
		if _, err := service.Wait(ctx, &task.WaitRequest{ID: id}); err != nil {
			t.Errorf("Wait for %s at the end: %v", id, err)
		}
		if _, err := service.Delete(ctx, &task.DeleteRequest{ID: id}); err != nil {
			t.Errorf("Delete of %s at the end: %v", id, err)
		}
	}
	if connected, err := service.Connect(ctx, &task.ConnectRequest{ID: "a"}); err != nil || int(connected.ShimPid) != h.pid(bundles["a"]) {
		t.Errorf("the shim is another at the end: %v, %v", connected, err)
	}
	h.down("a", bundles["a"], client)
	for _, id := range ids {
		events.checkLife(t, id)
	}
	s := &server{dir: h.dir, policy: h.policy, stateDir: filepath.Join(h.dir, "shim-state"), namespace: h.namespace}
	if left := s.leftovers(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

func anyCall(t *testing.T, service task.TTRPCTaskService, random *rand.Rand, bundles map[string]string, streams *task.ExecProcessRequest) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	id := string(rune('a' + random.IntN(3)))
	exec := []string{"", "e1", "e2"}[random.IntN(3)]
	var name string
	var err error
	switch random.IntN(17) {
	case 0, 1:
		name = "Create"
		_, err = service.Create(ctx, &task.CreateTaskRequest{ID: id, Bundle: bundles[id]})
	case 2, 3, 4:
		name = "Start"
		_, err = service.Start(ctx, &task.StartRequest{ID: id, ExecID: exec})
	case 5, 6:
		name = "Exec"
		_, err = service.Exec(ctx, &task.ExecProcessRequest{ID: id, ExecID: "e" + string(rune('1'+random.IntN(2))),
			Stdin: streams.Stdin, Stdout: streams.Stdout, Stderr: streams.Stderr, Terminal: streams.Terminal, Spec: &anypb.Any{
				TypeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Process",
				Value:   []byte([]string{`{"args":["sh","-c","head -c 100000 /dev/zero; sleep 0.3 &"],"cwd":"/"}`, `{"args":["sleep","1000"],"cwd":"/"}`, `{"args":["nosuch"],"cwd":"/"}`}[random.IntN(3)])}})
	case 7, 8:
		name = "Delete"
		_, err = service.Delete(ctx, &task.DeleteRequest{ID: id, ExecID: exec})
	case 9, 10:
		name = "Kill"
		_, err = service.Kill(ctx, &task.KillRequest{ID: id, ExecID: exec, Signal: []uint32{9, 15}[random.IntN(2)], All: random.IntN(2) == 0})
	case 11:
		name = "Pause"
		_, err = service.Pause(ctx, &task.PauseRequest{ID: id})
		if _, again := service.Resume(ctx, &task.ResumeRequest{ID: id}); err == nil {
			err = again
		}
	case 12:
		name = "Pids"
		_, err = service.Pids(ctx, &task.PidsRequest{ID: id})
	case 13:
		name = "Stats"
		_, err = service.Stats(ctx, &task.StatsRequest{ID: id})
	case 14:
		name = "CloseIO"
		_, err = service.CloseIO(ctx, &task.CloseIORequest{ID: id, ExecID: exec, Stdin: true})
	case 15:
		name = "ResizePty"
		_, err = service.ResizePty(ctx, &task.ResizePtyRequest{ID: id, ExecID: exec, Width: 80, Height: 25})
	case 16:
		name = "Wait"
		brief, stop := context.WithTimeout(ctx, time.Duration(random.IntN(20))*time.Millisecond)
		_, err = service.Wait(brief, &task.WaitRequest{ID: id, ExecID: exec})
		stop()
		if errdefs.IsDeadlineExceeded(code(err)) || brief.Err() != nil {
			err = nil
		}
	}
	err = code(err)
	if name == "Pause" && !hasFreezer && errdefs.IsNotImplemented(err) {
		return
	}
	if name == "Start" && errdefs.IsInvalidArgument(err) { // of a process whose stream is not there
		return
	}
	if ctx.Err() != nil {
		t.Errorf("%s %s %s has no answer after %v: %v", name, id, exec, patience, err)
	} else if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsAlreadyExists(err) && !errdefs.IsFailedPrecondition(err) &&
		!errdefs.IsDeadlineExceeded(err) { // the last: a slow machine's freezer, and the shim says so in time
		t.Errorf("%s %s %s: %v", name, id, exec, err)
	}
}

// checkLife reads the events of a container, each of whose lives is: create,
// perhaps start, exit unless the start failed, delete.
func (s *sink) checkLife(t *testing.T, id string) {
	var told []string
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i, envelope := range s.envelopes {
		if i > 0 && proto.Equal(envelope, s.envelopes[i-1]) {
			continue // delivery is at least once
		}
		event, err := typeurl.UnmarshalAny(envelope.Event)
		if err != nil {
			t.Error(err)
			continue
		}
		word := ""
		switch e := event.(type) {
		case *eventtypes.TaskCreate:
			if e.ContainerID == id {
				word = "create"
			}
		case *eventtypes.TaskStart:
			if e.ContainerID == id {
				word = fmt.Sprintf("start %d", e.Pid)
			}
		case *eventtypes.TaskExit:
			if e.ContainerID == id && e.ID == id {
				word = fmt.Sprintf("exit %d", e.Pid)
			}
		case *eventtypes.TaskDelete:
			if e.ContainerID == id && e.ID == "" {
				word = "delete"
			}
		}
		if word != "" {
			told = append(told, word)
		}
	}
	lives := 0
	for i := 0; i < len(told); lives++ {
		begin := i
		for i < len(told) && told[i] != "delete" {
			i++
		}
		i++
		if i > len(told) {
			t.Errorf("%s: a life without an end: %q", id, told[begin:])
			break
		}
		life := told[begin:i]
		pid := func(k int) string { return life[k][strings.IndexByte(life[k], ' ')+1:] }
		switch {
		case len(life) == 4 && life[0] == "create" && strings.HasPrefix(life[1], "start") && strings.HasPrefix(life[2], "exit") && pid(1) == pid(2):
		case len(life) == 3 && life[0] == "create" && strings.HasPrefix(life[1], "exit"):
		default:
			t.Errorf("%s: not a life: %q", id, life)
		}
	}
	t.Logf("%s: %d lives", id, lives)
}
