package e2e

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	sandboxapi "github.com/containerd/containerd/api/runtime/sandbox/v1"
	task "github.com/containerd/containerd/api/runtime/task/v3"
	taskstatus "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/errdefs"
	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// podConfig is what kubelet says of a HostProcess pod: it writes both sections
// on every system.
func podConfig() *cri.PodSandboxConfig {
	return &cri.PodSandboxConfig{
		Metadata:    &cri.PodSandboxMetadata{Name: "pod", Namespace: "default", Uid: "1"},
		Annotations: map[string]string{hostProcess: "true"},
		Linux: &cri.LinuxPodSandboxConfig{SecurityContext: &cri.LinuxSandboxSecurityContext{
			NamespaceOptions: &cri.NamespaceOption{Network: cri.NamespaceMode_NODE}}},
		Windows: &cri.WindowsPodSandboxConfig{SecurityContext: &cri.WindowsSandboxSecurityContext{HostProcess: true}},
	}
}

// shimPod is a shim whose pod the Sandbox service makes, by hand.
type shimPod struct {
	*hand
	ctx     context.Context
	bundle  string
	pid     int
	client  *ttrpc.Client
	sandbox sandboxapi.TTRPCSandboxService
	task    task.TTRPCTaskService
}

func newPod(t *testing.T) *shimPod {
	t.Helper()
	h := byHand(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	p := &shimPod{hand: h, ctx: ctx, bundle: h.bundle("pod", nil)}
	p.task, p.client = h.dial("pod", p.bundle)
	p.sandbox = sandboxapi.NewTTRPCSandboxClient(p.client)
	p.pid = h.pid(p.bundle)
	t.Cleanup(func() {
		defer cancel()
		if alive(p.pid) {
			t.Errorf("the shim %d is still there", p.pid)
			kill9(p.pid)
		}
		_ = p.client.Close()
		if left := p.left(); left != "" {
			t.Errorf("left behind:\n%s", left)
		}
	})
	return p
}

func (p *shimPod) left() string {
	s := &server{dir: p.dir, policy: p.policy, stateDir: filepath.Join(p.dir, "shim-state"), namespace: p.namespace}
	return s.leftovers()
}

func (p *shimPod) create(config *cri.PodSandboxConfig) error {
	p.t.Helper()
	data, err := proto.Marshal(config)
	if err != nil {
		p.t.Fatal(err)
	}
	_, err = p.sandbox.CreateSandbox(p.ctx, &sandboxapi.CreateSandboxRequest{SandboxID: "pod", BundlePath: p.bundle,
		Options: &anypb.Any{TypeUrl: "runtime.v1.PodSandboxConfig", Value: data}})
	return err
}

// up makes and starts the sandbox.
func (p *shimPod) up() *shimPod {
	p.t.Helper()
	if err := p.create(podConfig()); err != nil {
		p.t.Fatal("CreateSandbox: ", err)
	}
	started, err := p.sandbox.StartSandbox(p.ctx, &sandboxapi.StartSandboxRequest{SandboxID: "pod"})
	if err != nil || int(started.Pid) != p.pid || time.Since(started.CreatedAt.AsTime()) > time.Hour {
		p.t.Fatalf("StartSandbox: %v, %v, not pid %d", started, err, p.pid)
	}
	return p
}

// member makes and starts a container as containerd does: no `start`, the
// connection of its pod.
func (p *shimPod) member(id string, args ...string) (bundle string, pid uint32) {
	p.t.Helper()
	return p.memberTo("", id, args...)
}

// memberThatSays is one whose first output, a line, has come.
func (p *shimPod) memberThatSays(id string, args ...string) (bundle string) {
	p.t.Helper()
	output := filepath.Join(p.dir, id+".output")
	bundle, _ = p.memberTo(fileURI(output), id, args...)
	eventually(p.t, id+" says something", func() bool {
		said, _ := os.ReadFile(output)
		return strings.Contains(string(said), "\n")
	})
	return bundle
}

func (p *shimPod) memberTo(stdout, id string, args ...string) (bundle string, pid uint32) {
	p.t.Helper()
	c := spec(p.t, args...)
	c.Annotations[containerType], c.Annotations[sandboxID] = "container", "pod"
	lightBurden(p.t, c)
	bundle = p.hand.bundle(id, c)
	if _, err := p.task.Create(p.ctx, &task.CreateTaskRequest{ID: id, Bundle: bundle, Stdout: stdout}); err != nil {
		p.t.Fatalf("Create of %s: %v", id, err)
	}
	started, err := p.task.Start(p.ctx, &task.StartRequest{ID: id})
	if err != nil {
		p.t.Fatalf("Start of %s: %v", id, err)
	}
	return bundle, started.Pid
}

func (p *shimPod) wait(id string) uint32 {
	p.t.Helper()
	waited, err := p.task.Wait(p.ctx, &task.WaitRequest{ID: id})
	if err != nil {
		p.t.Fatalf("Wait of %s: %v", id, err)
	}
	return waited.ExitStatus
}

// remove does what containerd does after a member's end.
func (p *shimPod) remove(id, bundle string) {
	p.t.Helper()
	if _, err := p.task.Delete(p.ctx, &task.DeleteRequest{ID: id}); err != nil {
		p.t.Errorf("Delete of %s: %v", id, err)
	}
	if _, err := p.task.Shutdown(p.ctx, &task.ShutdownRequest{ID: id}); err != nil {
		p.t.Errorf("Shutdown of %s: %v", id, err)
	}
	if _, err := p.delete(id, bundle); err != nil {
		p.t.Errorf("delete of %s: %v", id, err)
	}
}

func (p *shimPod) state() string {
	p.t.Helper()
	status, err := p.sandbox.SandboxStatus(p.ctx, &sandboxapi.SandboxStatusRequest{SandboxID: "pod"})
	if err != nil || status.SandboxID != "pod" || int(status.Pid) != p.pid || time.Since(status.CreatedAt.AsTime()) > time.Hour {
		p.t.Fatalf("SandboxStatus: %v, %v", status, err)
	}
	return status.State
}

func (p *shimPod) stop() {
	p.t.Helper()
	if _, err := p.sandbox.StopSandbox(p.ctx, &sandboxapi.StopSandboxRequest{SandboxID: "pod"}); err != nil {
		p.t.Error("StopSandbox: ", err)
	}
}

// down ends the shim, as containerd does at last.
func (p *shimPod) down() {
	p.t.Helper()
	if _, err := p.sandbox.ShutdownSandbox(p.ctx, &sandboxapi.ShutdownSandboxRequest{SandboxID: "pod"}); err != nil {
		p.t.Error("ShutdownSandbox: ", err)
	}
	_ = p.client.Close()
	eventually(p.t, "the shim has ended", func() bool { return !alive(p.pid) })
	if _, err := p.delete("pod", p.bundle); err != nil {
		p.t.Error("delete of the pod: ", err)
	}
}

func TestSandbox(t *testing.T) {
	sub(t, "from-start-to-end", func(t *testing.T) {
		p := newPod(t)
		if err := p.create(podConfig()); err != nil {
			t.Fatal(err)
		}
		if state := p.state(); state != "SANDBOX_NOTREADY" {
			t.Error("created: ", state)
		}
		if _, err := p.sandbox.StartSandbox(p.ctx, &sandboxapi.StartSandboxRequest{SandboxID: "pod"}); err != nil {
			t.Fatal(err)
		}
		if state := p.state(); state != "SANDBOX_READY" {
			t.Error("started: ", state)
		}
		if _, err := p.sandbox.PingSandbox(p.ctx, &sandboxapi.PingRequest{SandboxID: "pod"}); err != nil {
			t.Error(err)
		}
		platform, err := p.sandbox.Platform(p.ctx, &sandboxapi.PlatformRequest{SandboxID: "pod"})
		if err != nil || platform.Platform.GetOS() != runtime.GOOS || platform.Platform.GetArchitecture() != runtime.GOARCH {
			t.Errorf("%v, %v", platform, err)
		}
		ended := make(chan *sandboxapi.WaitSandboxResponse, 1)
		go func() {
			response, err := p.sandbox.WaitSandbox(p.ctx, &sandboxapi.WaitSandboxRequest{SandboxID: "pod"})
			if err != nil {
				t.Error("WaitSandbox: ", err)
			}
			ended <- response
		}()
		for attempt := range 3 { // the container that restarts, and its pod that stays
			bundle, _ := p.member("app", "sh", "-c", "exit 4")
			if status := p.wait("app"); status != 4 {
				t.Errorf("attempt %d: exit status %d", attempt, status)
			}
			p.remove("app", bundle)
			_ = os.RemoveAll(bundle)
		}
		if state := p.state(); state != "SANDBOX_READY" {
			t.Error("without a member: ", state)
		}
		p.stop()
		if response := <-ended; response.GetExitStatus() != 0 || time.Since(response.GetExitedAt().AsTime()) > time.Hour {
			t.Errorf("WaitSandbox: %v", response)
		}
		if state := p.state(); state != "SANDBOX_NOTREADY" {
			t.Error("stopped: ", state)
		}
		p.stop()
		p.down()
	})
	sub(t, "several-members-end-on-their-own", func(t *testing.T) {
		p := newPod(t).up()
		first, _ := p.member("first", "sleep", "1000")
		second, _ := p.member("second", "sh", "-c", "exit 5")
		if status := p.wait("second"); status != 5 {
			t.Error(status)
		}
		p.remove("second", second)
		if state, err := p.task.State(p.ctx, &task.StateRequest{ID: "first"}); err != nil || state.Status != taskstatus.Status_RUNNING {
			t.Errorf("%v, %v", state, err)
		}
		if _, err := p.task.Kill(p.ctx, &task.KillRequest{ID: "first", Signal: 9, All: true}); err != nil {
			t.Error(err)
		}
		p.wait("first")
		p.remove("first", first)
		p.stop()
		p.down()
	})
	sub(t, "a-stop-with-a-timeout-asks-first", func(t *testing.T) {
		p := newPod(t).up()
		obeys := p.memberThatSays("obeys", "sh", "-c", "trap 'exit 6' TERM; echo ready; while :; do sleep 0.05; done")
		deaf := p.memberThatSays("deaf", "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
		if _, err := p.sandbox.StopSandbox(p.ctx, &sandboxapi.StopSandboxRequest{SandboxID: "pod", TimeoutSecs: 2}); err != nil {
			t.Error("StopSandbox: ", err)
		}
		if status := p.wait("obeys"); status != 6 {
			t.Errorf("the one that handles SIGTERM: exit status %d", status)
		}
		if status := p.wait("deaf"); status != 137 {
			t.Errorf("the one that ignores it: exit status %d", status)
		}
		if state := p.state(); state != "SANDBOX_NOTREADY" {
			t.Error("stopped: ", state)
		}
		p.remove("obeys", obeys)
		p.remove("deaf", deaf)
		p.down()
	})
	// What a containerd that has come back asks of whatever it remembers.
	sub(t, "the-task-service-knows-the-sandbox", func(t *testing.T) {
		p := newPod(t).up()
		connected, err := p.task.Connect(p.ctx, &task.ConnectRequest{ID: "pod"})
		if err != nil || int(connected.TaskPid) != p.pid || connected.ShimPid != connected.TaskPid {
			t.Errorf("Connect: %v, %v", connected, err)
		}
		pids, err := p.task.Pids(p.ctx, &task.PidsRequest{ID: "pod"})
		if err != nil || len(pids.Processes) != 1 || int(pids.Processes[0].Pid) != p.pid {
			t.Errorf("Pids: %v, %v", pids, err)
		}
		state, err := p.task.State(p.ctx, &task.StateRequest{ID: "pod"})
		if err != nil || state.Status != taskstatus.Status_RUNNING || state.Bundle != p.bundle {
			t.Errorf("State: %v, %v", state, err)
		}
		stats, err := p.task.Stats(p.ctx, &task.StatsRequest{ID: "pod"})
		if err != nil {
			t.Fatal("Stats: ", err)
		}
		metrics, err := p.sandbox.SandboxMetrics(p.ctx, &sandboxapi.SandboxMetricsRequest{SandboxID: "pod"})
		if err != nil || metrics.Metrics.GetID() != "pod" || metrics.Metrics.GetTimestamp() == nil {
			t.Fatalf("SandboxMetrics: %v, %v", metrics, err)
		}
		if !proto.Equal(metrics.Metrics.Data, stats.Stats) {
			t.Errorf("SandboxMetrics says %v, Stats %v", metrics.Metrics.Data, stats.Stats)
		}
		if _, err := p.task.Shutdown(p.ctx, &task.ShutdownRequest{ID: "pod"}); err != nil {
			t.Error("Shutdown: ", err)
		}
		if state := p.state(); state != "SANDBOX_READY" {
			t.Error("after the task's Shutdown: ", state)
		}
		p.down()
	})
	sub(t, "codes", func(t *testing.T) {
		p := newPod(t)
		if _, err := p.sandbox.StartSandbox(p.ctx, &sandboxapi.StartSandboxRequest{SandboxID: "pod"}); !errdefs.IsFailedPrecondition(code(err)) {
			t.Errorf("StartSandbox before CreateSandbox: %v", err)
		}
		p.up()
		if err := p.create(podConfig()); !errdefs.IsAlreadyExists(code(err)) {
			t.Errorf("a second CreateSandbox: %v", err)
		}
		if _, err := p.sandbox.StartSandbox(p.ctx, &sandboxapi.StartSandboxRequest{SandboxID: "pod"}); !errdefs.IsFailedPrecondition(code(err)) {
			t.Errorf("a second StartSandbox: %v", err)
		}
		if _, err := p.sandbox.UpdateSandbox(p.ctx, &sandboxapi.UpdateSandboxRequest{SandboxID: "pod"}); !errdefs.IsNotImplemented(code(err)) {
			t.Errorf("UpdateSandbox: %v", err)
		}
		_, ping := p.sandbox.PingSandbox(p.ctx, &sandboxapi.PingRequest{SandboxID: "another"})
		_, status := p.sandbox.SandboxStatus(p.ctx, &sandboxapi.SandboxStatusRequest{SandboxID: "another"})
		_, platform := p.sandbox.Platform(p.ctx, &sandboxapi.PlatformRequest{SandboxID: "another"})
		_, wait := p.sandbox.WaitSandbox(p.ctx, &sandboxapi.WaitSandboxRequest{SandboxID: "another"})
		_, stop := p.sandbox.StopSandbox(p.ctx, &sandboxapi.StopSandboxRequest{SandboxID: "another"})
		_, shutdown := p.sandbox.ShutdownSandbox(p.ctx, &sandboxapi.ShutdownSandboxRequest{SandboxID: "another"})
		_, metrics := p.sandbox.SandboxMetrics(p.ctx, &sandboxapi.SandboxMetricsRequest{SandboxID: "another"})
		for what, err := range map[string]error{"PingSandbox": ping, "SandboxStatus": status, "Platform": platform, "WaitSandbox": wait,
			"StopSandbox": stop, "ShutdownSandbox": shutdown, "SandboxMetrics": metrics} {
			if !errdefs.IsNotFound(code(err)) {
				t.Errorf("%s of another: %v", what, err)
			}
		}
		p.stop()
		c := spec(t, "true")
		if _, err := p.task.Create(p.ctx, &task.CreateTaskRequest{ID: "late", Bundle: p.hand.bundle("late", c)}); !errdefs.IsFailedPrecondition(code(err)) {
			t.Errorf("Create in a sandbox that has stopped: %v", err)
		}
		p.down()
	})
	sub(t, "refusals", func(t *testing.T) {
		p := newPod(t)
		plain := podConfig()
		plain.Annotations, plain.Windows.SecurityContext.HostProcess = nil, false
		network := podConfig()
		network.Linux.SecurityContext.NamespaceOptions.Network = cri.NamespaceMode_POD
		network.Windows.SecurityContext.NamespaceOptions = &cri.WindowsNamespaceOption{Network: cri.NamespaceMode_POD}
		for words, config := range map[string]*cri.PodSandboxConfig{
			"this shim runs HostProcess containers only": plain, "security_context.namespace_options.network is POD": network} {
			if err := p.create(config); !errdefs.IsInvalidArgument(code(err)) || !strings.Contains(err.Error(), words) {
				t.Errorf("not %q: %v", words, err)
			}
		}
		_, err := p.sandbox.CreateSandbox(p.ctx, &sandboxapi.CreateSandboxRequest{SandboxID: "pod", BundlePath: p.bundle,
			Options: &anypb.Any{TypeUrl: "runtime.v1.PodSandboxConfig", Value: []byte("\x4a\x7f")}})
		if !errdefs.IsInvalidArgument(code(err)) || !strings.Contains(err.Error(), "do not decode") {
			t.Errorf("a config that is none: %v", err)
		}
		if _, err := p.sandbox.StartSandbox(p.ctx, &sandboxapi.StartSandboxRequest{SandboxID: "pod"}); !errdefs.IsFailedPrecondition(code(err)) {
			t.Errorf("StartSandbox after refusals: %v", err)
		}
		p.down() // containerd's, after a CreateSandbox that failed
	})
	sub(t, "a-member-of-another-kind", func(t *testing.T) {
		p := newPod(t).up()
		c := spec(t, "true")
		delete(c.Annotations, hostProcess)
		c.Annotations[containerType], c.Annotations[sandboxID] = "container", "pod"
		_, err := p.task.Create(p.ctx, &task.CreateTaskRequest{ID: "app", Bundle: p.hand.bundle("app", c)})
		if !errdefs.IsInvalidArgument(code(err)) || !strings.Contains(err.Error(), "is absent on the container and true on its pod's sandbox") {
			t.Errorf("%v", err)
		}
		p.down()
	})
	for name, end := range map[string]func(*shimPod){
		"shutdown-takes-the-members-with-it": (*shimPod).down,
		"stop-ends-the-members":              func(p *shimPod) { p.stop(); p.down() },
	} {
		sub(t, name, func(t *testing.T) {
			p := newPod(t).up()
			_, first := p.member("first", "sh", "-c", "sleep 4712 & sleep 4712")
			_, second := p.member("second", "sleep", "4712")
			end(p)
			eventually(t, "the members have ended", func() bool { return ended(int(first)) && ended(int(second)) })
		})
	}
	// `delete` of the sandbox alone: members that never had a `start` get none.
	sub(t, "delete-after-kill-9-releases-the-members", func(t *testing.T) {
		p := newPod(t).up()
		_, first := p.member("first", "sh", "-c", "sleep 4713 & sleep 4713")
		_, second := p.member("second", "sleep", "4713")
		kill9(p.pid)
		eventually(t, "the shim is dead", func() bool { return !alive(p.pid) })
		if response, err := p.delete("pod", p.bundle); err != nil || response.ExitStatus != 137 {
			t.Errorf("delete: %v, %v", response, err)
		}
		eventually(t, "the members are dead", func() bool { return ended(int(first)) && ended(int(second)) })
	})
	// containerd gives up on a sandbox whose shim still lives.
	sub(t, "delete-of-a-living-sandbox-ends-its-shim", func(t *testing.T) {
		p := newPod(t).up()
		_, first := p.member("first", "sleep", "4714")
		if _, err := p.delete("pod", p.bundle); err != nil {
			t.Error("delete: ", err)
		}
		eventually(t, "the shim and its member have ended", func() bool { return !alive(p.pid) && ended(int(first)) })
	})
}
