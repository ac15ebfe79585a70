package e2e

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Probes, and what kubectl exec and attach do.
func TestCRIExec(t *testing.T) {
	eachSandboxer(t, func(t *testing.T, at func(*testing.T) *kubelet) {
		sub(t, "probes", func(t *testing.T) {
			m := at(t).run(podSpec{name: "probes"}).start(sh("app", "sleep 1000"))
			for i := range 50 {
				response, err := m.probe("sh", "-c", fmt.Sprintf("echo probe; echo why >&2; exit %d", i%7))
				if err != nil || string(response.Stdout) != "probe\n" || string(response.Stderr) != "why\n" || response.ExitCode != int32(i%7) {
					t.Fatalf("probe %d: %v, %v", i, response, err)
				}
			}
			var group sync.WaitGroup
			for i := range 20 {
				group.Go(func() {
					response, err := m.probe("sh", "-c", fmt.Sprintf("echo %d; exit %d", i, i))
					if err != nil || string(response.Stdout) != fmt.Sprintln(i) || response.ExitCode != int32(i) {
						t.Errorf("probe %d of many at once: %v, %v", i, response, err)
					}
				})
			}
			group.Wait()
		})
		sub(t, "a-probe-past-its-time", func(t *testing.T) {
			k := at(t)
			m := k.run(podSpec{name: "timeout"}).start(sh("app", "sleep 1000"))
			mark := longSleep()
			response, err := k.runs.ExecSync(k.ctx, &cri.ExecSyncRequest{ContainerId: m.id, Cmd: strings.Fields(mark), Timeout: 1})
			if err == nil || !strings.Contains(err.Error(), "timeout 1s exceeded") {
				t.Errorf("%v, %v", response, err)
			}
			eventually(t, "it is ended", func() bool { return !isRunning(mark) })
			if text := m.says("echo", "next"); text != "next\n" {
				t.Errorf("%q", text)
			}
		})
		sub(t, "a-probe-with-much-output", func(t *testing.T) {
			m := at(t).run(podSpec{name: "much"}).start(sh("app", "sleep 1000"))
			if text := m.says("sh", "-c", `head -c 1000000 /dev/zero | tr '\0' x`); text != strings.Repeat("x", 1000000) {
				t.Errorf("%d bytes", len(text))
			}
		})
		sub(t, "a-probe-that-is-not-there", func(t *testing.T) {
			m := at(t).run(podSpec{name: "no-probe"}).start(sh("app", "sleep 1000"))
			if response, err := m.probe("no-such-probe"); err == nil || !strings.Contains(err.Error(), "no-such-probe") {
				t.Errorf("%v, %v", response, err)
			}
		})
		sub(t, "a-probe-after-the-end", func(t *testing.T) {
			m := at(t).run(podSpec{name: "late"}).start(sh("app", "true"))
			m.exited()
			if response, err := m.probe("true"); err == nil || !strings.Contains(err.Error(), "CONTAINER_EXITED") {
				t.Errorf("%v, %v", response, err)
			}
		})
		sub(t, "streams", func(t *testing.T) {
			m := at(t).run(podSpec{name: "streams"}).start(sh("app", "sleep 1000"))
			var out, err buffer
			input := strings.Repeat("a line of input\n", 5000)
			code, failure := m.exec(stream{in: strings.NewReader(input), out: &out, err: &err}, "sh", "-c", "cat; echo done >&2; exit 9")
			if failure != nil || code != 9 || out.String() != input || err.String() != "done\n" {
				t.Errorf("%d, %v: %d bytes, %q", code, failure, out.Len(), err.String())
			}
		})
		sub(t, "without-input", func(t *testing.T) {
			m := at(t).run(podSpec{name: "no-input"}).start(sh("app", "sleep 1000"))
			var out, err buffer
			code, failure := m.exec(stream{out: &out, err: &err}, "sh", "-c", "cat; echo none")
			if failure != nil || code != 0 || out.String() != "none\n" || err.String() != "" {
				t.Errorf("%d, %v: %q, %q", code, failure, out.String(), err.String())
			}
		})
		sub(t, "over-a-websocket", func(t *testing.T) {
			m := at(t).run(podSpec{name: "websocket"}).start(sh("app", "sleep 1000"))
			var out, err buffer
			s := stream{in: strings.NewReader("words\n"), out: &out, err: &err}
			url, failure := m.execURL(s, "sh", "-c", "read word; echo got $word; echo why >&2; exit 4")
			if failure != nil {
				t.Fatal(failure)
			}
			if code, failure := s.websocket(url); failure != nil || code != 4 || out.String() != "got words\n" || err.String() != "why\n" {
				t.Errorf("%d, %v: %q, %q", code, failure, out.String(), err.String())
			}
		})
		sub(t, "terminal", func(t *testing.T) {
			m := at(t).run(podSpec{name: "terminal"}).start(sh("app", "sleep 1000"))
			var out buffer
			in, typed := io.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				code, failure := m.exec(stream{in: in, out: &out, tty: true}, "sh", "-c", terminalName+"; read word; echo got-$word; exit 3")
				if failure != nil || code != 3 {
					t.Errorf("%d, %v", code, failure)
				}
			}()
			eventually(t, "there is a terminal", func() bool { return strings.Contains(out.String(), terminalPrefix) })
			_, _ = io.WriteString(typed, "words"+enterKey)
			eventually(t, "it has read", func() bool { return strings.Contains(out.String(), "got-words") })
			<-done
			_ = typed.Close()
		})
		sub(t, "terminal-is-resized", func(t *testing.T) {
			m := at(t).run(podSpec{name: "resize"}).start(sh("app", "sleep 1000"))
			var out buffer
			sizes, done := make(chan terminalSize, 2), make(chan struct{})
			go func() {
				defer close(done)
				if code, failure := m.exec(stream{in: strings.NewReader(""), out: &out, tty: true, sizes: sizes}, "sh", "-c",
					"until stty size | grep '43 132'; do sleep 0.05; done"); failure != nil || code != 0 {
					t.Errorf("%d, %v: %q", code, failure, out.String())
				}
			}()
			sizes <- terminalSize{100, 30}
			sizes <- terminalSize{132, 43}
			<-done
			close(sizes)
		})
		sub(t, "attach", func(t *testing.T) {
			spec := sh("app", "while read line; do echo got $line; done; echo end of input; exit 2")
			spec.stdin, spec.stdinOnce = true, true
			m := at(t).run(podSpec{name: "attach"}).start(spec)
			var out, err buffer
			s := stream{in: strings.NewReader("one\ntwo\n"), out: &out, err: &err}
			url, failure := m.attachURL(s)
			if failure != nil {
				t.Fatal(failure)
			}
			if _, failure := s.spdy(url); failure != nil {
				t.Error(failure)
			}
			if status := m.exited(); status.ExitCode != 2 {
				t.Error(status)
			}
			if text := "got one\ngot two\nend of input\n"; out.String() != text {
				t.Errorf("%q", out.String())
			} else {
				m.logs("stdout", text)
			}
		})
		sub(t, "attached-twice-to-a-terminal", func(t *testing.T) {
			spec := sh("app", "while read line; do echo got-$line; case $line in end*) exit 6;; esac; done")
			spec.stdin, spec.tty = true, true
			m := at(t).run(podSpec{name: "again"}).start(spec)
			for _, word := range []string{"one", "end"} {
				var out buffer
				in, typed := io.Pipe()
				s, done := stream{in: in, out: &out, tty: true}, make(chan struct{})
				url, failure := m.attachURL(s)
				if failure != nil {
					t.Fatal(failure)
				}
				go func() {
					defer close(done)
					_, _ = s.spdy(url)
				}()
				_, _ = io.WriteString(typed, word+enterKey)
				eventually(t, "it has read "+word, func() bool { return strings.Contains(out.String(), "got-"+word) })
				_ = typed.Close()
				<-done
			}
			if status := m.exited(); status.ExitCode != 6 {
				t.Error(status)
			}
		})
	})
}
