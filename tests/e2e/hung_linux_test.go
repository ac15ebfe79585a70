package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	task "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/errdefs"
)

const (
	fuseInit       = 26 // opcodes and layouts of linux/fuse.h, version 7.31
	fuseHeader     = 40
	fuseInitAnswer = 64
)

// hungFileSystem mounts a FUSE file system that greets the kernel and answers
// nothing ever after. asked is closed when the first question has come; end
// makes all that wait fail.
func hungFileSystem(t *testing.T) (dir string, asked chan struct{}, end func()) {
	t.Helper()
	device, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("/dev/fuse cannot be opened: ", err)
	}
	dir, err = os.MkdirTemp("", "hp-hung-")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("hp-e2e-hung", dir, "fuse", syscall.MS_NOSUID|syscall.MS_NODEV,
		fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", device)); err != nil {
		_ = syscall.Close(device)
		_ = os.Remove(dir)
		t.Skip("no FUSE file system can be mounted: ", err)
	}
	asked = make(chan struct{})
	served := make(chan struct{})
	go func() {
		defer close(served)
		question := make([]byte, 1<<20)
		for {
			n, err := syscall.Read(device, question)
			if err == syscall.EINTR {
				continue
			}
			if err != nil || n < fuseHeader {
				return
			}
			if binary.NativeEndian.Uint32(question[4:]) != fuseInit {
				close(asked)
				return
			}
			answer := make([]byte, 16+fuseInitAnswer)
			binary.NativeEndian.PutUint32(answer, uint32(len(answer)))
			copy(answer[8:16], question[8:16]) // the question's number
			binary.NativeEndian.PutUint32(answer[16:], 7)
			binary.NativeEndian.PutUint32(answer[20:], 31)
			binary.NativeEndian.PutUint32(answer[16+20:], 4096) // max_write
			if _, err := syscall.Write(device, answer); err != nil {
				return
			}
		}
	}()
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		// MNT_FORCE ends the connection: whoever waits gets an error.
		if err := syscall.Unmount(dir, syscall.MNT_FORCE|syscall.MNT_DETACH); err != nil {
			t.Errorf("umount %s: %v", dir, err)
		}
		<-served
		_ = syscall.Close(device)
		_ = os.Remove(dir)
	}
	t.Cleanup(end)
	return dir, asked, end
}

// A container whose rootfs hangs keeps nobody of its pod from anything.
func TestHungRootfs(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	h := byHand(t)
	sandbox, member, stuck := spec(t, "/pause"), spec(t, "sleep", "4711"), spec(t, "true")
	sandbox.Annotations[containerType], sandbox.Annotations[sandboxID] = "sandbox", "pod"
	member.Annotations[containerType], member.Annotations[sandboxID] = "container", "pod"
	stuck.Annotations[containerType], stuck.Annotations[sandboxID] = "container", "pod"
	stuck.Root.Path = "rootfs"
	pod, app, hung := h.bundle("pod", sandbox), h.bundle("app", member), h.bundle("hung", stuck)
	service, _ := h.up("pod", pod)
	for _, id := range []string{"pod", "app"} {
		if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: id, Bundle: map[string]string{"pod": pod, "app": app}[id]}); err != nil {
			t.Fatal(err)
		}
		if _, err := service.Start(ctx, &task.StartRequest{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	// After h.up, so that it ends before the shim is asked to.
	dir, asked, end := hungFileSystem(t)
	created := make(chan error, 1)
	go func() {
		_, err := service.Create(ctx, &task.CreateTaskRequest{ID: "hung", Bundle: hung,
			Rootfs: []*types.Mount{{Type: "bind", Source: filepath.Join(dir, "inner"), Options: []string{"rbind"}}}})
		created <- err
	}()
	select {
	case <-asked:
	case err := <-created:
		t.Fatal("Create has not touched its rootfs: ", err)
	case <-ctx.Done():
		t.Fatal("nobody asks the file system")
	}

	if state, err := service.State(ctx, &task.StateRequest{ID: "app"}); err != nil || state.Pid == 0 {
		t.Errorf("State: %v, %v", state, err)
	}
	process := anyOf(t, "Process", map[string]any{"args": []string{"sh", "-c", "exit 3"}, "cwd": "/"})
	for i := range 8 { // more than the pool has threads
		exec := fmt.Sprint("exec-", i)
		if _, err := service.Exec(ctx, &task.ExecProcessRequest{ID: "app", ExecID: exec, Spec: process}); err != nil {
			t.Fatal(err)
		}
		if _, err := service.Start(ctx, &task.StartRequest{ID: "app", ExecID: exec}); err != nil {
			t.Fatal(err)
		}
		if waited, err := service.Wait(ctx, &task.WaitRequest{ID: "app", ExecID: exec}); err != nil || waited.ExitStatus != 3 {
			t.Errorf("an exec: %v, %v", waited, err)
		}
	}
	if _, err := service.Stats(ctx, &task.StatsRequest{ID: "app"}); err != nil {
		t.Errorf("Stats: %v", err)
	}
	if _, err := service.Kill(ctx, &task.KillRequest{ID: "app", Signal: 9, All: true}); err != nil {
		t.Errorf("Kill: %v", err)
	}
	if _, err := service.Wait(ctx, &task.WaitRequest{ID: "app"}); err != nil {
		t.Errorf("Wait: %v", err)
	}
	if _, err := service.Delete(ctx, &task.DeleteRequest{ID: "app"}); err != nil {
		t.Errorf("Delete: %v", err)
	}
	select {
	case err := <-created:
		t.Errorf("the Create whose rootfs hangs has ended: %v", err)
	default:
	}
	end()
	select {
	case err := <-created:
		if err == nil {
			t.Error("a Create succeeds with a rootfs that is gone")
		}
	case <-ctx.Done():
		t.Fatal("Create does not end though its file system has")
	}
	if _, err := service.State(ctx, &task.StateRequest{ID: "hung"}); !errdefs.IsNotFound(code(err)) {
		t.Errorf("State of what was never created: %v", err)
	}
}
