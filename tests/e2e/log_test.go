package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	task "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/ttrpc"
)

// linesOf are the lines of a log with this field, less their time.
func linesOf(log, field string) []string {
	var lines []string
	for _, line := range strings.Split(log, "\n") {
		if strings.Contains(line+" ", " "+field+" ") {
			if at := strings.Index(line, "level="); at >= 0 {
				lines = append(lines, line[at:])
			}
		}
	}
	return lines
}

// match says in which line the lines are not what the patterns say.
func match(t *testing.T, lines, patterns []string) {
	t.Helper()
	for i, pattern := range patterns {
		if i >= len(lines) || !regexp.MustCompile("^"+pattern+"$").MatchString(lines[i]) {
			t.Errorf("line %d is not %q:\n%s", i, pattern, strings.Join(lines, "\n"))
			return
		}
	}
	if len(lines) > len(patterns) {
		t.Errorf("more than %d lines:\n%s", len(patterns), strings.Join(lines, "\n"))
	}
}

const aTrace = "0af7651916cd43dd8448eb211c80319c"

// traced is a context whose ttrpc requests carry a traceparent.
func traced(ctx context.Context, traceparent string) context.Context {
	return ttrpc.WithMetadata(ctx, ttrpc.MD{"traceparent": []string{traceparent}})
}

func TestLog(t *testing.T) {
	// What is in containerd's own log of a container's life: its shim's lines, with the ids.
	sub(t, "containerd-has-it", func(t *testing.T) {
		b := shared.boot(t, spec(t, "sleep", "1000"), options{})
		if status, _, _ := b.exec("sh", "-c", "exit 3"); status != 3 {
			t.Errorf("status %d", status)
		}
		if _, _, _, err := b.tryExec(process("no-such-program"), nil); err == nil {
			t.Error("a missing program starts")
		}
		b.kill(syscall.SIGKILL)
		b.wait()
		b.delete()
		log := func() []string {
			data, _ := os.ReadFile(filepath.Join(shared.dir, "containerd.log"))
			var lines []string
			for _, line := range linesOf(string(data), "id="+b.id) {
				// containerd says much of this container too; ours have the sandbox.
				if strings.Contains(line, " sandbox_id="+b.id) && !strings.Contains(line, "level=debug") && !strings.Contains(line, "level=warning") {
					lines = append(lines, line)
				}
			}
			return lines
		}
		eventually(t, "the last line", func() bool {
			lines := log()
			return len(lines) > 0 && strings.Contains(lines[len(lines)-1], "msg=deleted")
		})
		ids := fmt.Sprintf("id=%s sandbox_id=%s namespace=%s", b.id, b.id, shared.namespace)
		ofExec := fmt.Sprintf("id=%s exec_id=[^ ]+ sandbox_id=%s namespace=%s", b.id, b.id, shared.namespace)
		match(t, log(), []string{
			`level=info msg=created ` + ids,
			`level=info msg="started as process [0-9]+, account NT AUTHORITY\\\\SYSTEM" ` + ids,
			`level=info msg="exited with status 3" ` + ofExec,
			`level=error msg="Start failed: NotFound: .*no-such-program.*" ` + ofExec,
			`level=info msg="signal 9 is sent to all its processes" ` + ids,
			`level=info msg="exited with status 137, after signal 9" ` + ids,
			`level=info msg=deleted ` + ids,
		})
	})
	sub(t, "a-probe-every-moment-says-nothing", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		h := byHand(t)
		bundle := h.bundle("quiet", spec(t, "sleep", "1000"))
		log := h.log("quiet", bundle)
		service, _ := h.up("quiet", bundle)
		if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: "quiet", Bundle: bundle}); err != nil {
			t.Fatal(err)
		}
		if _, err := service.Start(ctx, &task.StartRequest{ID: "quiet"}); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if _, err := service.Exec(ctx, &task.ExecProcessRequest{ID: "quiet", ExecID: "probe", Spec: anyOf(t, "Process", process("true"))}); err != nil {
				t.Fatal(err)
			}
			if _, err := service.Start(ctx, &task.StartRequest{ID: "quiet", ExecID: "probe"}); err != nil {
				t.Fatal(err)
			}
			if _, err := service.Wait(ctx, &task.WaitRequest{ID: "quiet", ExecID: "probe"}); err != nil {
				t.Fatal(err)
			}
			if _, err := service.Delete(ctx, &task.DeleteRequest{ID: "quiet", ExecID: "probe"}); err != nil {
				t.Fatal(err)
			}
			_, _ = service.State(ctx, &task.StateRequest{ID: "quiet", ExecID: "probe"}) // gone: NotFound
			if _, err := service.Stats(ctx, &task.StatsRequest{ID: "quiet"}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := service.Kill(ctx, &task.KillRequest{ID: "quiet", Signal: 9}); err != nil {
			t.Fatal(err)
		}
		if _, err := service.Wait(ctx, &task.WaitRequest{ID: "quiet"}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the exit is told", func() bool { return strings.Contains(log.String(), "exited with status 137") })
		if said := strings.Count(log.String(), "exec_id=probe"); said != 0 {
			t.Errorf("%d lines of probes that went well:\n%s", said, log)
		}
		if lines := linesOf(log.String(), "level=info"); len(lines) != 4 {
			t.Errorf("not created, started, signal, exited:\n%s", strings.Join(lines, "\n"))
		}
	})
	// The id of a request's trace is in its lines, also in those of the pool, and
	// in no others; what is no traceparent is in none.
	sub(t, "trace", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		h := byHand(t)
		bundle := h.bundle("traced", spec(t, "sleep", "1000"))
		log := h.log("traced", bundle)
		service, _ := h.up("traced", bundle)
		hostile := traced(ctx, "00-"+strings.Repeat("a", 32)+"\" level=error-b7ad6b7169203331-01")
		if _, err := service.Start(hostile, &task.StartRequest{ID: "nobody"}); err == nil {
			t.Error("nobody starts")
		}
		good := traced(ctx, "00-"+aTrace+"-b7ad6b7169203331-01")
		if _, err := service.Create(good, &task.CreateTaskRequest{ID: "traced", Bundle: bundle}); err != nil {
			t.Fatal(err)
		}
		if _, err := service.Exec(good, &task.ExecProcessRequest{ID: "traced", ExecID: "e1", Spec: anyOf(t, "Process", process("true"))}); err == nil {
			t.Error("an exec in what does not run")
		}
		if _, err := service.Start(ctx, &task.StartRequest{ID: "traced"}); err != nil {
			t.Fatal(err)
		}
		if _, err := service.Kill(good, &task.KillRequest{ID: "traced", Signal: 9}); err != nil {
			t.Fatal(err)
		}
		if _, err := service.Wait(ctx, &task.WaitRequest{ID: "traced"}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the exit is told", func() bool { return strings.Contains(log.String(), "exited with status 137") })
		ids := "sandbox_id=traced namespace=" + h.namespace
		var lines []string
		for _, line := range linesOf(log.String(), "namespace="+h.namespace) {
			if !strings.Contains(line, "level=warning") { // no containerd takes the events; and what Wine lacks
				lines = append(lines, line)
			}
		}
		match(t, lines, []string{
			`level=error msg="Start failed: NotFound: .*" id=nobody ` + ids,
			`level=info msg=created id=traced ` + ids + ` trace_id=` + aTrace,
			`level=error msg="Exec failed: FailedPrecondition: .*" id=traced exec_id=e1 ` + ids + ` trace_id=` + aTrace,
			`level=info msg="started as process .*" id=traced ` + ids,
			`level=info msg="signal 9 is sent to all its processes" id=traced ` + ids + ` trace_id=` + aTrace,
			`level=info msg="exited with status 137, after signal 9" id=traced ` + ids,
		})
	})
}
