package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	task "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/errdefs"
)

// config is a config.json as text, with old replaced by new.
func config(t *testing.T, replace ...string) string {
	t.Helper()
	s := spec(t, "true")
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("%q is not in %s", replace[i], text)
		}
		text = strings.Replace(text, replace[i], replace[i+1], 1)
	}
	return text
}

// Whatever a bundle holds is answered with a clear error, and nobody else notices.
func TestBadInput(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*patience)
	defer cancel()
	h := byHand(t)
	good := h.bundle("good", spec(t, "sleep", "4711"))
	service, _ := h.up("good", good)
	if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: "good", Bundle: good}); err != nil {
		t.Fatal(err)
	}
	started, err := service.Start(ctx, &task.StartRequest{ID: "good"})
	if err != nil {
		t.Fatal(err)
	}
	refused := func(t *testing.T, bundle string, is func(error) bool, words ...string) {
		t.Helper()
		_, err := service.Create(ctx, &task.CreateTaskRequest{ID: "bad", Bundle: bundle})
		if err == nil {
			_, _ = service.Delete(ctx, &task.DeleteRequest{ID: "bad"})
			t.Fatal("it was not refused")
		}
		if !is(code(err)) {
			t.Errorf("another code: %v", err)
		}
		for _, word := range words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("the message does not name %q: %v", word, err)
			}
		}
		if state, err := service.State(ctx, &task.StateRequest{ID: "good"}); err != nil || state.Pid != started.Pid {
			t.Errorf("the other container: %v, %v", state, err)
		}
		if _, err := service.State(ctx, &task.StateRequest{ID: "bad"}); !errdefs.IsNotFound(code(err)) {
			t.Errorf("the refused one: %v", err)
		}
	}

	sub(t, "100-MB", func(t *testing.T) {
		bundle := h.bundle("big", nil)
		write(t, bundle+"/config.json", config(t), 0o644)
		if err := os.Truncate(bundle+"/config.json", 100<<20); err != nil {
			t.Fatal(err)
		}
		refused(t, bundle, func(err error) bool { return errdefs.IsInvalidArgument(err) || errdefs.IsResourceExhausted(err) }, "config.json")
	})
	nested := func(levels int) string {
		return config(t, `"ociVersion"`, `"hooks":`+strings.Repeat("[", levels)+strings.Repeat("]", levels)+`,"ociVersion"`)
	}
	for _, levels := range []int{100, 1000000} {
		sub(t, fmt.Sprintf("%d-levels-deep", levels), func(t *testing.T) {
			bundle := h.bundle("deep", nil)
			write(t, bundle+"/config.json", nested(levels), 0o644)
			refused(t, bundle, errdefs.IsInvalidArgument, "config.json")
		})
	}
	for name, text := range map[string]string{
		"duplicate-key":      config(t, `"ociVersion"`, `"process":{},"ociVersion"`),
		"an-array":           "[]",
		"a-number":           "42",
		"no-UTF-8":           config(t, `"true"`, "\"\xff\xfe\""),
		"a-NUL-in-an-arg":    config(t, `["true"]`, `["true\u0000x"]`),
		"two-documents":      config(t) + config(t),
		"process-an-array":   config(t, `"process":{`, `"process":[],"processes":{`),
		"args-a-string":      config(t, `["true"]`, `"true"`),
		"args-of-numbers":    config(t, `["true"]`, `[1,2]`),
		"args-null":          config(t, `["true"]`, `[null]`),
		"cwd-a-number":       config(t, `"cwd":"/"`, `"cwd":1`),
		"env-an-object":      config(t, `"env":[`, `"env":{},"no":[`),
		"uid-negative":       config(t, `"uid":0`, `"uid":-1`),
		"uid-a-string":       config(t, `"uid":0`, `"uid":"0"`),
		"uid-huge":           config(t, `"uid":0`, `"uid":99999999999999999999`),
		"root-a-string":      config(t, `"root":{`, `"root":"x","roots":{`),
		"annotations-a-list": config(t, `"annotations":{`, `"annotations":[],"no":{`),
		"annotation-a-bool":  config(t, `"microsoft.com/hostprocess-container":"true"`, `"microsoft.com/hostprocess-container":true`),
		"mounts-an-object":   config(t, `"ociVersion"`, `"mounts":{},"ociVersion"`),
		"mount-a-string":     config(t, `"ociVersion"`, `"mounts":["/x"],"ociVersion"`),
		"limit-a-string":     config(t, noLimit, badLimit),
	} {
		sub(t, name, func(t *testing.T) {
			bundle := h.bundle("wrong-"+name, nil)
			write(t, bundle+"/config.json", text, 0o644)
			refused(t, bundle, errdefs.IsInvalidArgument)
		})
	}
	sub(t, "config.json-is-a-FIFO", func(t *testing.T) {
		bundle := h.bundle("fifo", nil)
		if err := os.Rename(fifo(t, "f"), bundle+"/config.json"); err != nil {
			t.Fatal(err)
		}
		refused(t, bundle, errdefs.IsFailedPrecondition, "config.json")
	})
	sub(t, "a-bundle-that-is-a-link", func(t *testing.T) {
		bundle := filepath.Join(h.dir, "linked")
		if err := os.Symlink(h.bundle("real", spec(t, "true")), bundle); err != nil {
			t.Fatal(err)
		}
		refused(t, bundle, errdefs.IsInvalidArgument, bundle)
	})
	for name, bundle := range map[string]string{"missing": "/no/such/bundle", "a-file": h.policy, "relative": "bundle", "empty": ""} {
		sub(t, "a-bundle-that-is-"+name, func(t *testing.T) { refused(t, bundle, errdefs.IsInvalidArgument, "bundle") })
	}
	sub(t, "a-socket-that-another-user-squats", func(t *testing.T) {
		other := byHand(t)
		bundle := other.bundle("squatted", spec(t, "true"))
		_, client := other.dial("squatted", bundle)
		address, _ := os.ReadFile(bundle + "/address")
		other.down("squatted", bundle, client)
		path := strings.TrimPrefix(string(address), "unix://")
		listener, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		if err := os.Chown(path, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if address, err := other.start("squatted", bundle); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "65534") {
			t.Errorf("start: %q, %v", address, err)
		}
		if _, err := other.delete("squatted", bundle); err == nil || !strings.Contains(err.Error(), "65534") {
			t.Errorf("delete: %v", err)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Error("what is another's was taken away: ", err)
		}
	})
	// Still there, and able to run something.
	if _, err := service.Exec(ctx, &task.ExecProcessRequest{ID: "good", ExecID: "last", Spec: anyOf(t, "Process", process("true"))}); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Start(ctx, &task.StartRequest{ID: "good", ExecID: "last"}); err != nil {
		t.Fatal(err)
	}
	if waited, err := service.Wait(ctx, &task.WaitRequest{ID: "good", ExecID: "last"}); err != nil || waited.ExitStatus != 0 {
		t.Errorf("%v, %v", waited, err)
	}
	journals, _ := filepath.Glob(h.dir + "/*/" + journalName)
	if len(journals) != 1 || filepath.Dir(journals[0]) != good {
		t.Errorf("journals: %q", journals)
	}
}
