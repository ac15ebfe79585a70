package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// A container's log on disk, in the format of the CRI.
func TestCRILogs(t *testing.T) {
	eachSandboxer(t, func(t *testing.T, at func(*testing.T) *kubelet) {
		sub(t, "both-streams-in-order", func(t *testing.T) {
			m := at(t).run(podSpec{name: "order"}).start(sh("app",
				`i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo "out $i"; echo "err $i" >&2; done`))
			m.exited()
			for stream, word := range map[string]string{"stdout": "out", "stderr": "err"} {
				var want strings.Builder
				for i := range 300 {
					fmt.Fprintf(&want, "%s %d\n", word, i+1)
				}
				m.logs(stream, want.String())
			}
			lines := m.readLog(m.log)
			for i := 1; i < len(lines); i++ {
				if lines[i].stream == lines[i-1].stream && lines[i].at.Before(lines[i-1].at) {
					t.Errorf("line %d is older than the one before it", i)
				}
			}
		})
		sub(t, "a-line-without-end", func(t *testing.T) {
			m := at(t).run(podSpec{name: "partial"}).start(sh("app", `echo whole; printf cut`))
			m.exited()
			m.logs("stdout", "whole\ncut")
			if lines := m.readLog(m.log); len(lines) != 2 || lines[0].partial || !lines[1].partial {
				t.Error(lines)
			}
		})
		sub(t, "lines-of-16-KiB-and-more", func(t *testing.T) {
			const most = 16 << 10 // of containerd, in one line of the log
			m := at(t).run(podSpec{name: "long"}).start(sh("app",
				fmt.Sprintf(`for n in %d %d 40000; do head -c $n /dev/zero | tr '\0' x; echo; done`, most, most+1)))
			m.exited()
			line := func(n int) string { return strings.Repeat("x", n) + "\n" }
			m.logs("stdout", line(most)+line(most+1)+line(40000))
			var sizes []string
			for _, line := range m.readLog(m.log) {
				sizes = append(sizes, fmt.Sprint(len(line.text), line.partial))
			}
			if got := strings.Join(sizes, ", "); got != "16384 false, 16384 true, 1 false, 16384 true, 16384 true, 7232 false" {
				t.Error(got)
			}
		})
		sub(t, "a-million-bytes-at-the-end", func(t *testing.T) {
			m := at(t).run(podSpec{name: "burst"}).start(sh("app", `head -c 1000000 /dev/zero | tr '\0' x; echo; echo end`))
			m.exited()
			m.logs("stdout", strings.Repeat("x", 1000000)+"\nend\n")
		})
		sub(t, "reopened-after-rotation", func(t *testing.T) {
			k := at(t)
			m := k.run(podSpec{name: "rotation"}).start(sh("app", `i=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.01; done`))
			var rotated []string
			for turn := range 3 {
				m.has("line ")
				old := fmt.Sprintf("%s.%d", m.log, turn)
				if err := os.Rename(m.log, old); err != nil {
					t.Fatal(err)
				}
				if _, err := k.runs.ReopenContainerLog(k.ctx, &cri.ReopenContainerLogRequest{ContainerId: m.id}); err != nil {
					t.Fatal("ReopenContainerLog: ", err)
				}
				rotated = append(rotated, old)
			}
			m.has("line ")
			m.stop(0)
			count := 0
			for _, path := range append(rotated, m.log) {
				for _, line := range m.readLog(path) {
					if count++; line.text != fmt.Sprint("line ", count) {
						t.Fatalf("%s: %q is where line %d should be", path, line.text, count)
					}
				}
			}
		})
		sub(t, "a-terminal-has-one-stream", func(t *testing.T) {
			spec := sh("app", "echo one; echo two >&2")
			spec.tty = true
			m := at(t).run(podSpec{name: "tty"}).start(spec)
			m.exited()
			m.has("one")
			m.has("two")
			if text := m.text("stderr"); text != "" {
				t.Errorf("%q", text)
			}
		})
	})
}
