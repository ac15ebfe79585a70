package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	bootapi "github.com/containerd/containerd/api/runtime/bootstrap/v1"
	task "github.com/containerd/containerd/api/runtime/task/v3"
	eventsapi "github.com/containerd/containerd/api/services/ttrpc/events/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/ttrpc"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
)

// bench is the shim started by hand, without any containerd.
type hand struct {
	t         *testing.T
	dir       string
	namespace string // of its own, so that what is left behind is known to be its
	policy    string
	ttrpc     string // TTRPC_ADDRESS, "" for none
	env       []string
}

func byHand(t *testing.T) *hand {
	t.Helper()
	dir, err := os.MkdirTemp("", "hp-hand-")
	if err != nil {
		t.Fatal(err)
	}
	h := &hand{t: t, dir: dir, namespace: filepath.Base(dir), policy: filepath.Join(dir, "policy.json")}
	write(t, h.policy, "{}", 0o644)
	t.Cleanup(func() {
		_ = os.RemoveAll(dir)
	})
	return h
}

// bundle makes a bundle whose config.json is spec; nil: none.
func (h *hand) bundle(id string, spec *specs.Spec) string {
	h.t.Helper()
	dir := filepath.Join(h.dir, id)
	if err := os.MkdirAll(filepath.Join(dir, "rootfs"), 0o711); err != nil {
		h.t.Fatal(err)
	}
	if spec != nil {
		data, err := json.Marshal(spec)
		if err != nil {
			h.t.Fatal(err)
		}
		write(h.t, filepath.Join(dir, "config.json"), string(data), 0o644)
	}
	return dir
}

func (h *hand) command(id, bundle string, args ...string) *exec.Cmd {
	folder, err := shimFolder(h.dir)
	if err != nil {
		h.t.Fatal(err)
	}
	command := exec.Command(filepath.Join(folder, shimName), append([]string{"-namespace", h.namespace,
		"-address", serverAddress(h.dir), "-id", id}, args...)...)
	command.Dir = bundle
	command.Env = append(os.Environ(), "HOSTPROCESS_POLICY="+h.policy, "HOSTPROCESS_STATE_DIR="+filepath.Join(h.dir, "shim-state"))
	command.Env = append(command.Env, h.env...)
	if h.ttrpc != "" {
		command.Env = append(command.Env, "TTRPC_ADDRESS="+h.ttrpc)
	}
	return command
}

// start runs the verb and returns the address it printed.
func (h *hand) start(id, bundle string) (string, error) {
	var out, errors bytes.Buffer
	command := h.command(id, bundle, "start")
	command.Stdout, command.Stderr = &out, &errors
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, errors.String())
	}
	if errors.Len() != 0 {
		return "", fmt.Errorf("stderr on success: %q", errors.String())
	}
	return out.String(), nil
}

// up starts a shim, which the test's end makes sure is gone, and connects.
func (h *hand) up(id, bundle string) (task.TTRPCTaskService, *ttrpc.Client) {
	h.t.Helper()
	service, client := h.dial(id, bundle)
	h.t.Cleanup(func() { h.down(id, bundle, client) })
	return service, client
}

// dial starts a shim, which the test itself ends, and connects.
func (h *hand) dial(id, bundle string) (task.TTRPCTaskService, *ttrpc.Client) {
	h.t.Helper()
	address, err := h.start(id, bundle)
	if err != nil {
		h.t.Fatal(err)
	}
	connection, err := dial(address)
	if err != nil {
		h.t.Fatal(err)
	}
	client := ttrpc.NewClient(connection)
	return task.NewTTRPCTaskClient(client), client
}

func (h *hand) pid(bundle string) int {
	h.t.Helper()
	data, err := os.ReadFile(filepath.Join(bundle, "shim.pid"))
	if err != nil {
		h.t.Fatal(err)
	}
	var pid int
	_, _ = fmt.Sscan(string(data), &pid)
	return pid
}

func (h *hand) down(id, bundle string, client *ttrpc.Client) {
	pid := h.pid(bundle)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	service := task.NewTTRPCTaskClient(client)
	_, _ = service.Kill(ctx, &task.KillRequest{ID: id, Signal: 9, All: true})
	_, _ = service.Wait(ctx, &task.WaitRequest{ID: id})
	_, _ = service.Delete(ctx, &task.DeleteRequest{ID: id})
	_, _ = service.Shutdown(ctx, &task.ShutdownRequest{ID: id})
	deadline := time.Now().Add(20 * time.Second)
	for alive(pid) && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	if alive(pid) {
		h.t.Errorf("the shim %d does not end after Shutdown", pid)
		kill9(pid)
	}
	_ = client.Close()
}

func (h *hand) delete(id, bundle string) (*task.DeleteResponse, error) {
	var out, errors bytes.Buffer
	command := h.command(id, bundle, "-bundle", bundle, "delete")
	command.Stdout, command.Stderr = &out, &errors
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, errors.String())
	}
	var response task.DeleteResponse
	return &response, proto.Unmarshal(out.Bytes(), &response)
}

// anyOf is one of the JSON messages that Exec and Update carry.
func anyOf(t *testing.T, name string, value any) *anypb.Any {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return &anypb.Any{TypeUrl: "types.containerd.io/opencontainers/runtime-spec/1/" + name, Value: data}
}

func code(err error) error { return errgrpc.ToNative(err) }

func TestShim(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	sub(t, "version-and-info", func(t *testing.T) {
		h := byHand(t)
		shim := filepath.Join(os.Getenv("HP_SHIM_DIR"), shimName)
		out, err := exec.Command(shim, "-v").Output()
		if err != nil || !strings.Contains(string(out), strings.TrimSuffix(shimName, ".exe")) {
			t.Errorf("-v: %q, %v", out, err)
		}
		out, err = exec.Command(shim, "-info").Output()
		var info types.RuntimeInfo
		if err == nil {
			err = proto.Unmarshal(out, &info)
		}
		if err != nil || info.Name != runtimeName || !json.Valid(info.Features.GetValue()) {
			t.Errorf("-info: %v, %v", &info, err)
		}
		_ = h
	})
	sub(t, "start-writes-address-and-pid", func(t *testing.T) {
		h := byHand(t)
		bundle := h.bundle("plain", spec(t, "true"))
		service, _ := h.up("plain", bundle)
		connected, err := service.Connect(ctx, &task.ConnectRequest{ID: "plain"})
		if err != nil || int(connected.ShimPid) != h.pid(bundle) {
			t.Errorf("%v, %v, shim.pid %d", connected, err, h.pid(bundle))
		}
		address, _ := os.ReadFile(filepath.Join(bundle, "address"))
		checkDaemon(t, string(address), h.pid(bundle))
	})
	sub(t, "bootstrap-of-version-3", func(t *testing.T) {
		h := byHand(t)
		bundle := h.bundle("v3", spec(t, "true"))
		params, err := proto.Marshal(&bootapi.BootstrapParams{InstanceID: "v3", Namespace: h.namespace, LogLevel: -4})
		if err != nil {
			t.Fatal(err)
		}
		command := h.command("v3", bundle, "start")
		command.Stdin = bytes.NewReader(params)
		out, err := command.Output()
		var result bootapi.BootstrapResult
		if err == nil {
			err = proto.Unmarshal(out, &result)
		}
		if err != nil || result.Version != 3 || result.Protocol != "ttrpc" || !strings.HasPrefix(result.Address, addressPrefix) {
			t.Fatalf("%v, %v", &result, err)
		}
		h.up("v3", bundle) // joins
	})
	sub(t, "fifty-racing-starts-end-with-one-shim", func(t *testing.T) {
		h := byHand(t)
		bundle := h.bundle("race", spec(t, "true"))
		addresses := make([]string, 50)
		var group sync.WaitGroup
		for i := range addresses {
			group.Go(func() {
				var err error
				if addresses[i], err = h.start("race", bundle); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for _, address := range addresses {
			if address != addresses[0] {
				t.Errorf("%q and %q", address, addresses[0])
			}
		}
		h.up("race", bundle)
		s := &server{dir: h.dir, policy: h.policy}
		found := len(s.shims())
		if found != 1 {
			t.Errorf("%d shims", found)
		}
	})
	sub(t, "a-member-joins-its-pod", func(t *testing.T) {
		h := byHand(t)
		sandbox := spec(t, "/pause")
		sandbox.Annotations[containerType], sandbox.Annotations[sandboxID] = "sandbox", "pod"
		member := spec(t, "sh", "-c", "exit 4")
		member.Annotations[containerType], member.Annotations[sandboxID] = "container", "pod"
		pod, app := h.bundle("pod", sandbox), h.bundle("app", member)
		service, _ := h.up("pod", pod)
		mine, _ := os.ReadFile(filepath.Join(pod, "address"))
		address, err := h.start("app", app)
		if err != nil || address != string(mine) {
			t.Fatalf("%q, not %q: %v", address, mine, err)
		}
		for id, bundle := range map[string]string{"pod": pod} {
			if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: id, Bundle: bundle}); err != nil {
				t.Fatal(err)
			}
		}
		if response, err := service.Start(ctx, &task.StartRequest{ID: "pod"}); err != nil || response.Pid == 0 {
			t.Fatalf("%v, %v", response, err)
		}
		if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: "app", Bundle: app}); err != nil {
			t.Fatal(err)
		}
		if _, err := service.Start(ctx, &task.StartRequest{ID: "app"}); err != nil {
			t.Fatal(err)
		}
		waited, err := service.Wait(ctx, &task.WaitRequest{ID: "app"})
		if err != nil || waited.ExitStatus != 4 {
			t.Errorf("%v, %v", waited, err)
		}
		if _, err := service.Delete(ctx, &task.DeleteRequest{ID: "app"}); err != nil {
			t.Error(err)
		}
		if _, err := service.Shutdown(ctx, &task.ShutdownRequest{ID: "app"}); err != nil {
			t.Error(err)
		}
		if _, err := h.delete("app", app); err != nil {
			t.Error(err)
		}
		state, err := service.State(ctx, &task.StateRequest{ID: "pod"})
		if err != nil || state.Pid == 0 {
			t.Errorf("the sandbox after its member's end: %v, %v", state, err)
		}
		pids, err := service.Pids(ctx, &task.PidsRequest{ID: "pod"})
		if err != nil || len(pids.Processes) != 1 {
			t.Errorf("pids of the sandbox: %v, %v", pids, err)
		}
		stats, err := service.Stats(ctx, &task.StatsRequest{ID: "pod"})
		if err != nil || stats.Stats.GetTypeUrl() == "" {
			t.Errorf("stats of the sandbox: %v, %v", stats, err)
		}
	})
	sub(t, "delete-after-kill-9-releases-everything", func(t *testing.T) {
		h := byHand(t)
		c := spec(t, "sh", "-c", "sleep 4711 & sleep 4711")
		lightBurden(t, c)
		bundle := h.bundle("killed", c)
		address, err := h.start("killed", bundle)
		if err != nil {
			t.Fatal(err)
		}
		connection, err := dial(address)
		if err != nil {
			t.Fatal(err)
		}
		service := task.NewTTRPCTaskClient(ttrpc.NewClient(connection))
		if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: "killed", Bundle: bundle}); err != nil {
			t.Fatal(err)
		}
		started, err := service.Start(ctx, &task.StartRequest{ID: "killed"})
		if err != nil {
			t.Fatal(err)
		}
		pid := h.pid(bundle)
		kill9(pid)
		eventually(t, "the shim is dead", func() bool { return !alive(pid) })
		response, err := h.delete("killed", bundle)
		if err != nil || response.ExitStatus != 137 {
			t.Errorf("%v, %v", response, err)
		}
		eventually(t, "init is dead", func() bool { return ended(int(started.Pid)) })
		if connection, err := tryDial(address); err == nil {
			_ = connection.Close()
			t.Error("somebody still serves at ", address)
		}
		s := &server{dir: h.dir, policy: h.policy, stateDir: filepath.Join(h.dir, "shim-state"), namespace: h.namespace}
		if left := s.leftovers(); left != "" {
			t.Errorf("left behind:\n%s", left)
		}
		if _, err := h.delete("killed", bundle); err != nil {
			t.Error("a second delete: ", err)
		}
	})
	sub(t, "codes", func(t *testing.T) {
		h := byHand(t)
		bundle := h.bundle("codes", spec(t, "sleep", "1000"))
		service, client := h.up("codes", bundle)
		if _, err := service.State(ctx, &task.StateRequest{ID: "unknown"}); !errdefs.IsNotFound(code(err)) {
			t.Errorf("State: %v", err)
		}
		for _, id := range []string{"../x", "a/b", "", strings.Repeat("x", 1000), "a\x01b"} {
			if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: id, Bundle: bundle}); !errdefs.IsInvalidArgument(code(err)) {
				t.Errorf("Create of %.20q: %v", id, err)
			}
		}
		if _, err := service.Connect(ctx, &task.ConnectRequest{ID: "unknown"}); err != nil {
			t.Errorf("Connect: %v", err)
		}
		err := client.Call(ctx, "no.such.Service", "Method", &emptypb.Empty{}, &emptypb.Empty{})
		if !errdefs.IsNotImplemented(code(err)) {
			t.Errorf("an unknown service: %v", err)
		}
		for _, name := range []string{"config.json is empty", "config.json is cut", "no config.json"} {
			other := h.bundle("broken", nil)
			switch name {
			case "config.json is empty":
				write(t, other+"/config.json", "", 0o644)
			case "config.json is cut":
				write(t, other+"/config.json", `{"ociVersion": "1.0`, 0o644)
			default:
				_ = os.Remove(other + "/config.json")
			}
			if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: "broken", Bundle: other}); err == nil || !strings.Contains(err.Error(), "config.json") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	sub(t, "garbage-on-the-socket-harms-nobody", func(t *testing.T) {
		h := byHand(t)
		bundle := h.bundle("tough", spec(t, "sleep", "1000"))
		service, _ := h.up("tough", bundle)
		address, _ := os.ReadFile(filepath.Join(bundle, "address"))
		for _, garbage := range [][]byte{bytes.Repeat([]byte{0xff}, 1<<16), {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 1, 0}, {0, 0}, []byte("GET / HTTP/1.1\r\n\r\n")} {
			connection, err := dial(string(address))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = connection.Write(garbage)
			if _, err := service.Connect(ctx, &task.ConnectRequest{ID: "tough"}); err != nil {
				t.Errorf("after garbage: %v", err)
			}
			_ = connection.Close()
		}
	})
	sub(t, "events-wait-for-a-receiver-that-is-away", func(t *testing.T) {
		h := byHand(t)
		h.ttrpc = receiverAddress(h.dir)
		bundle := h.bundle("events", spec(t, "sh", "-c", "exit 3"))
		service, _ := h.up("events", bundle)
		if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: "events", Bundle: bundle}); err != nil {
			t.Fatal(err)
		}
		if _, err := service.Start(ctx, &task.StartRequest{ID: "events"}); err != nil {
			t.Fatal(err)
		}
		if waited, err := service.Wait(ctx, &task.WaitRequest{ID: "events"}); err != nil || waited.ExitStatus != 3 {
			t.Errorf("nobody takes the events, and Wait says %v, %v", waited, err)
		}
		sink := listen(t, h.ttrpc)
		eventually(t, "the three events: "+sink.topics(), func() bool { return sink.topics() == "/tasks/create /tasks/start /tasks/exit" })
		if _, err := service.Delete(ctx, &task.DeleteRequest{ID: "events"}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the fourth: "+sink.topics(), func() bool { return strings.HasSuffix(sink.topics(), "/tasks/exit /tasks/delete") })
	})
	sub(t, "start-says-why-it-fails", func(t *testing.T) {
		h := byHand(t)
		bundle := h.bundle("fails", spec(t, "true"))
		for name, command := range map[string]*exec.Cmd{
			"a/b": h.command("a/b", bundle, "start"), "frobnicate": h.command("fails", bundle, "frobnicate"), "-nosuch": h.command("fails", bundle, "-nosuch", "start")} {
			var errors bytes.Buffer
			command.Stderr = &errors
			if err := command.Run(); err == nil || !strings.Contains(errors.String(), name) {
				t.Errorf("%s: %v, %q", name, err, errors.String())
			}
		}
	})
}

// sink is a receiver of events, as containerd is one.
type sink struct {
	mutex     sync.Mutex
	seen      []string
	envelopes []*types.Envelope
}

func (s *sink) topics() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return strings.Join(s.seen, " ")
}

func (s *sink) Forward(_ context.Context, request *eventsapi.ForwardRequest) (*emptypb.Empty, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.seen = append(s.seen, request.Envelope.Topic)
	s.envelopes = append(s.envelopes, request.Envelope)
	return &emptypb.Empty{}, nil
}

func listen(t *testing.T, path string) *sink {
	t.Helper()
	listener, err := listenAt(path)
	if err != nil {
		t.Fatal(err)
	}
	ttrpcServer, err := ttrpc.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{}
	eventsapi.RegisterTTRPCEventsService(ttrpcServer, s)
	go func() { _ = ttrpcServer.Serve(context.Background(), listener) }()
	t.Cleanup(func() { _ = ttrpcServer.Close() })
	return s
}
