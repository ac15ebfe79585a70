package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const restarts = 50

// Ends of containers, asked for and not.
func TestCRILifecycle(t *testing.T) {
	eachSandboxer(t, func(t *testing.T, at func(*testing.T) *kubelet) {
		sub(t, "a-request-to-stop-is-honoured", func(t *testing.T) {
			m := at(t).run(podSpec{name: "grace"}).start(sh("app", "trap 'echo asked; exit 5' TERM; echo ready; while :; do sleep 0.05; done"))
			m.has("ready")
			if status := m.stop(120); status.ExitCode != 5 {
				t.Error(status)
			}
			m.logs("stdout", "ready\nasked\n")
		})
		sub(t, "grace-ends-in-a-kill", func(t *testing.T) {
			m := at(t).run(podSpec{name: "no-grace"}).start(sh("app", "trap 'echo asked' TERM; echo ready; while :; do sleep 0.05; done"))
			m.has("ready")
			if status := m.stop(1); status.ExitCode != 137 {
				t.Error(status)
			}
			m.has("asked")
		})
		sub(t, "no-grace", func(t *testing.T) {
			m := at(t).run(podSpec{name: "kill"}).start(sh("app", "trap 'echo asked' TERM; echo ready; while :; do sleep 0.05; done"))
			m.has("ready")
			if status := m.stop(0); status.ExitCode != 137 {
				t.Error(status)
			}
			m.logs("stdout", "ready\n")
		})
		sub(t, "the-pod-takes-its-containers-along", func(t *testing.T) {
			k := at(t)
			p := k.run(podSpec{name: "along"})
			mark := longSleep()
			p.start(sh("one", mark))
			p.start(sh("two", mark+"1 & "+mark+"2"))
			eventually(t, "all run", func() bool { return isRunning(mark+"1") && isRunning(mark+"2") })
			p.end()
			if isRunning(mark) {
				t.Error("something of the pod still runs")
			}
		})
		sub(t, "a-container-that-restarts", func(t *testing.T) {
			k := at(t)
			p := k.run(podSpec{name: "restarts"})
			shims := k.s.shims()
			if len(shims) != 1 {
				t.Fatalf("shims %v", shims)
			}
			attempt := func(i int) {
				spec := sh("app", fmt.Sprintf("echo attempt %d; exit %d", i, i))
				spec.attempt = uint32(i)
				m := p.start(spec)
				if status := m.exited(); status.ExitCode != int32(i) {
					t.Fatalf("attempt %d: %v", i, status)
				}
				m.logs("stdout", fmt.Sprintf("attempt %d\n", i))
				m.remove()
			}
			for i := range 5 {
				attempt(i)
			}
			handles, memory := openHandles(t, shims[0]), ownMemory(t, shims[0])
			for i := range restarts - 5 {
				attempt(5 + i)
			}
			eventually(t, "no handle is left of them", func() bool { return openHandles(t, shims[0]) <= handles })
			// What the sanitizers keep is theirs.
			if grown := ownMemory(t, shims[0]) - memory; grown > 512 && !sanitized() {
				t.Errorf("%d restarts cost %d KiB", restarts-5, grown)
			}
			bundles, _ := filepath.Glob(filepath.Join(k.s.dir, "state", "io.containerd.runtime.v2.task", "k8s.io", "*"))
			for _, bundle := range bundles {
				if removesBundles && filepath.Base(bundle) != p.id {
					t.Error("left: ", bundle)
				}
			}
			p.end()
			if left := k.s.leftovers(); left != "" {
				t.Errorf("left behind:\n%s", left)
			}
		})
	})
}

// containerd dies and comes back in the middle of a pod.
func TestCRIRestart(t *testing.T) {
	for _, name := range sandboxers(t) {
		sub(t, name, func(t *testing.T) {
			k := ownKubelet(t, name)
			p := k.run(podSpec{name: "restart"})
			stays := p.start(sh("stays", "trap 'exit 6' TERM; echo ready; while :; do sleep 0.05; done"))
			ends := p.start(sh("ends", "until test -e end; do sleep 0.05; done; echo last words; exit 7"))
			stays.has("ready")
			flag := filepath.Join(k.s.dir, "flag")
			waits := p.start(sh("waits", "until test -e '"+strings.ReplaceAll(flag, `\`, "/")+"'; do sleep 0.05; done; echo while it was away; exit 8"))
			k.s.kill()
			write(t, flag, "", 0o644)
			eventually(t, "it has ended meanwhile", func() bool { return !isRunning(filepath.Base(flag) + "'") })
			k.startAgain()
			eventually(t, "the pod is ready", func() bool { return p.state() == cri.PodSandboxState_SANDBOX_READY })
			if status := stays.status(); status.State != cri.ContainerState_CONTAINER_RUNNING {
				t.Error(status)
			}
			if status := waits.exited(); status.ExitCode != 8 {
				t.Error(status)
			}
			if text := stays.says("echo", "found again"); text != "found again\n" {
				t.Errorf("%q", text)
			}
			ends.says("sh", "-c", "echo >end")
			if status := ends.exited(); status.ExitCode != 7 {
				t.Error(status)
			}
			ends.has("last words")
			if status := stays.stop(60); status.ExitCode != 6 {
				t.Error(status)
			}
			if status := p.start(sh("new", "exit 9")).exited(); status.ExitCode != 9 {
				t.Error(status)
			}
			p.end()
		})
	}
}
