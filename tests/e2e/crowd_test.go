package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	task "github.com/containerd/containerd/api/runtime/task/v3"
)

// sanitized says whether the shim is built with a sanitizer, which keeps memory of its own.
func sanitized() bool { return strings.HasSuffix(os.Getenv("HP_LANE"), "san") }

// A hundred containers of one pod write at once, through the shim, to a reader
// that is slow: what they wrote waits in pipes, not in the shim.
func TestCrowd(t *testing.T) {
	const count, size, bound = crowdCount, crowdSize, crowdBound
	ctx, cancel := context.WithTimeout(context.Background(), 10*patience)
	defer cancel()
	h := byHand(t)
	sandbox := spec(t, "/pause")
	sandbox.Annotations[containerType], sandbox.Annotations[sandboxID] = "sandbox", "pod"
	pod := h.bundle("pod", sandbox)
	service, _ := h.up("pod", pod)
	shim := h.pid(pod)
	if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: "pod", Bundle: pod}); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Start(ctx, &task.StartRequest{ID: "pod"}); err != nil {
		t.Fatal(err)
	}
	member := spec(t, "sleep", "4711")
	member.Annotations[containerType], member.Annotations[sandboxID] = "container", "pod"
	ids := make([]string, count)
	readers := make([]readEnd, count)
	for i := range ids {
		ids[i] = fmt.Sprint("member-", i)
		bundle := h.bundle(ids[i], member)
		if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: ids[i], Bundle: bundle}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			_, _ = service.Kill(ctx, &task.KillRequest{ID: ids[i], Signal: 9, All: true})
			_, _ = service.Wait(ctx, &task.WaitRequest{ID: ids[i]})
			if _, err := service.Delete(ctx, &task.DeleteRequest{ID: ids[i]}); err != nil {
				t.Errorf("delete of %s: %v", ids[i], err)
			}
		})
		if _, err := service.Start(ctx, &task.StartRequest{ID: ids[i]}); err != nil {
			t.Fatal(err)
		}
	}
	write := func(exec string, bytes int) {
		t.Helper()
		for i, id := range ids {
			var out string
			out, readers[i] = outputPipe(t)
			process := anyOf(t, "Process", process("sh", "-c", fmt.Sprintf("head -c %d /dev/zero", bytes)))
			if _, err := service.Exec(ctx, &task.ExecProcessRequest{ID: id, ExecID: exec, Spec: process, Stdout: out}); err != nil {
				t.Fatal(err)
			}
			if _, err := service.Start(ctx, &task.StartRequest{ID: id, ExecID: exec}); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func(exec string, bytes int) (most int) {
		t.Helper()
		piece := make([]byte, 4<<10)
		got := make([]int, count)
		for left, round := count, 0; left > 0; round++ {
			for i, reader := range readers {
				if got[i] == bytes {
					continue
				}
				n, _ := reader.Read(piece) // nothing yet, or the end before the writer: again
				if got[i] += n; got[i] == bytes {
					left--
				}
			}
			if ctx.Err() != nil {
				t.Fatal("the output does not come")
			}
			most = max(most, ownMemory(t, shim))
		}
		for _, id := range ids {
			if waited, err := service.Wait(ctx, &task.WaitRequest{ID: id, ExecID: exec}); err != nil || waited.ExitStatus != 0 {
				t.Errorf("%v, %v", waited, err)
			}
			if _, err := service.Delete(ctx, &task.DeleteRequest{ID: id, ExecID: exec}); err != nil {
				t.Error(err)
			}
		}
		return most
	}
	// Once with little, so that what a hundred execs need at all is there.
	write("first", 1)
	read("first", 1)
	before := ownMemory(t, shim)
	write("second", size)
	most := read("second", size)
	after := ownMemory(t, shim)
	t.Logf("%d KiB before, %d at most, %d after", before, most, after)
	if sanitized() {
		return // what the sanitizers keep is theirs
	}
	if most-before > bound || after-before > bound {
		t.Errorf("%d KiB before, %d at most, %d after: more than %d KiB of growth", before, most, after, bound)
	}
}
