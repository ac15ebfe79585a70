package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	task "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/errdefs"
)

// A client that adds execs and never deletes one gets so far and no further, and
// what it had is gone with the container.
func TestBounds(t *testing.T) {
	const execs = 2048
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	defer cancel()
	h := byHand(t)
	h.ttrpc = receiverAddress(h.dir)
	listen(t, h.ttrpc) // events that nobody takes would be kept
	bundle := h.bundle("greedy", spec(t, "sleep", "1000"))
	service, _ := h.up("greedy", bundle)
	shim := h.pid(bundle)
	if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: "greedy", Bundle: bundle}); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Start(ctx, &task.StartRequest{ID: "greedy"}); err != nil {
		t.Fatal(err)
	}
	add := func(id, argument string) error {
		_, err := service.Exec(ctx, &task.ExecProcessRequest{ID: "greedy", ExecID: id, Spec: anyOf(t, "Process", process("true", argument))})
		return err
	}
	refused := func(err error, words string) {
		t.Helper()
		if !errdefs.IsResourceExhausted(code(err)) || !strings.Contains(err.Error(), words) {
			t.Errorf("not ResourceExhausted with %q: %v", words, err)
		}
	}
	for i := range 5 { // of 3 MiB each
		if err := add(fmt.Sprint("large-", i), strings.Repeat("x", 3<<20)); err != nil {
			t.Fatal(err)
		}
	}
	refused(add("large-5", strings.Repeat("x", 3<<20)), "16777216 is the limit: start or delete them")
	for i := range 5 {
		if _, err := service.Delete(ctx, &task.DeleteRequest{ID: "greedy", ExecID: fmt.Sprint("large-", i)}); err != nil {
			t.Fatal(err)
		}
	}
	before := ownMemory(t, shim) // the heap may have kept what the large ones had
	for i := range execs {
		if err := add(fmt.Sprint("small-", i), ""); err != nil {
			t.Fatal(err)
		}
	}
	refused(add("one-more", ""), "has 2048 execs, which is the limit: delete those that have ended")
	if _, err := service.Delete(ctx, &task.DeleteRequest{ID: "greedy", ExecID: "small-7"}); err != nil {
		t.Fatal(err)
	}
	if err := add("one-more", ""); err != nil {
		t.Error("after a Delete there is no room: ", err)
	}
	most := ownMemory(t, shim)
	if _, err := service.Kill(ctx, &task.KillRequest{ID: "greedy", Signal: 9}); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Wait(ctx, &task.WaitRequest{ID: "greedy"}); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Delete(ctx, &task.DeleteRequest{ID: "greedy"}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d KiB before, %d with %d execs", before, most, execs)
	if grown := most - before; grown > 8<<10 && !sanitized() {
		t.Errorf("%d execs take %d KiB", execs, grown)
	}
}
