package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	pauseImage = "test.local/pause:1"
	appImage   = "test.local/app:1"
)

// kubelet is a client of the CRI API of a containerd of its own.
type kubelet struct {
	t    *testing.T
	s    *server
	ctx  context.Context
	runs cri.RuntimeServiceClient
}

func newKubelet(t *testing.T) *kubelet {
	t.Helper()
	s, err := newServer()
	if err != nil {
		t.Fatal(err)
	}
	s.namespace = "k8s.io"
	version, err := exec.Command(os.Getenv("HP_CONTAINERD"), "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	format, images, runtimes := 3, `io.containerd.cri.v1.images".pinned_images]
  sandbox`, "io.containerd.cri.v1.runtime"
	if strings.Contains(string(version), " 1.") {
		format, images, runtimes = 2, `io.containerd.grpc.v1.cri"]
  disable_tcp_service = true
  sandbox_image`, "io.containerd.grpc.v1.cri"
	}
	config := fmt.Sprintf(`version = %d
root = %q
state = %q
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.erofs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = %q
[ttrpc]
  address = %q
[plugins."%s = %q
[plugins.%q.containerd]
  default_runtime_name = "hostprocess"
[plugins.%q.containerd.runtimes.hostprocess]
  runtime_type = %q
  pod_annotations = ["microsoft.com/*"]
  container_annotations = ["microsoft.com/*"]
`, format, filepath.Join(s.dir, "root"), filepath.Join(s.dir, "state"), s.address, s.address+".ttrpc", images, pauseImage, runtimes, runtimes, runtimeName)
	write(t, filepath.Join(s.dir, "config.toml"), config, 0o644)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if left := s.stop(); left != "" {
			t.Errorf("left behind:\n%s", left)
		}
	})
	connection, err := grpc.NewClient("unix://"+s.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	k := &kubelet{t: t, s: s, ctx: ctx, runs: cri.NewRuntimeServiceClient(connection)}
	k.load(cri.NewImageServiceClient(connection))
	return k
}

// load imports the two images that the pods name, as a registry would bring them.
func (k *kubelet) load(images cri.ImageServiceClient) {
	k.t.Helper()
	for name, config := range map[string]v1.ImageConfig{pauseImage: {Entrypoint: []string{"/pause"}}, appImage: {Cmd: []string{"/app"}, WorkingDir: "/"}} {
		files := map[string]string{"etc/": "", "etc/motd": "a file of " + name + "\n"}
		imported, err := k.s.client.Import(k.s.context(), archive(k.t, name, config, files))
		if err != nil || len(imported) != 1 {
			k.t.Fatalf("import of %s: %v, %v", name, imported, err)
		}
		eventually(k.t, "the CRI plugin knows "+name, func() bool {
			status, err := images.ImageStatus(k.ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: name}})
			return err == nil && status.Image != nil
		})
	}
	eventually(k.t, "the CRI plugin is ready", func() bool {
		_, err := k.runs.Version(k.ctx, &cri.VersionRequest{})
		return err == nil
	})
}

func (k *kubelet) podConfig(name string) *cri.PodSandboxConfig {
	return &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: name, Uid: newID(k.t), Namespace: "default"},
		LogDirectory: filepath.Join(k.s.dir, "pod-logs"),
		Annotations:  map[string]string{hostProcess: "true"},
		Linux: &cri.LinuxPodSandboxConfig{SecurityContext: &cri.LinuxSandboxSecurityContext{
			NamespaceOptions: &cri.NamespaceOption{Network: cri.NamespaceMode_NODE, Pid: cri.NamespaceMode_NODE, Ipc: cri.NamespaceMode_NODE}}},
	}
}

// pod runs a sandbox; the test's end stops and removes it.
func (k *kubelet) pod(config *cri.PodSandboxConfig) string {
	k.t.Helper()
	response, err := k.runs.RunPodSandbox(k.ctx, &cri.RunPodSandboxRequest{Config: config, RuntimeHandler: "hostprocess"})
	if err != nil {
		k.t.Fatal("RunPodSandbox: ", err)
	}
	return response.PodSandboxId
}

func (k *kubelet) end(pod string) {
	k.t.Helper()
	if _, err := k.runs.StopPodSandbox(k.ctx, &cri.StopPodSandboxRequest{PodSandboxId: pod}); err != nil {
		k.t.Error("StopPodSandbox: ", err)
	}
	if _, err := k.runs.RemovePodSandbox(k.ctx, &cri.RemovePodSandboxRequest{PodSandboxId: pod}); err != nil {
		k.t.Error("RemovePodSandbox: ", err)
	}
}

// container creates and starts one.
func (k *kubelet) container(pod string, config *cri.PodSandboxConfig, name string, attempt uint32, args ...string) string {
	k.t.Helper()
	created, err := k.runs.CreateContainer(k.ctx, &cri.CreateContainerRequest{PodSandboxId: pod, SandboxConfig: config, Config: &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: name, Attempt: attempt}, Image: &cri.ImageSpec{Image: appImage}, Command: args,
		LogPath: fmt.Sprintf("%s-%d.log", name, attempt), Annotations: map[string]string{hostProcess: "true"},
		Envs:  []*cri.KeyValue{{Key: "PATH", Value: []byte("/usr/sbin:/usr/bin:/sbin:/bin")}},
		Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{NamespaceOptions: config.Linux.SecurityContext.NamespaceOptions}},
	}})
	if err != nil {
		k.t.Fatal("CreateContainer: ", err)
	}
	if _, err := k.runs.StartContainer(k.ctx, &cri.StartContainerRequest{ContainerId: created.ContainerId}); err != nil {
		k.t.Fatal("StartContainer: ", err)
	}
	return created.ContainerId
}

func (k *kubelet) state(id string) *cri.ContainerStatus {
	k.t.Helper()
	status, err := k.runs.ContainerStatus(k.ctx, &cri.ContainerStatusRequest{ContainerId: id})
	if err != nil {
		k.t.Fatal("ContainerStatus: ", err)
	}
	return status.Status
}

func (k *kubelet) exited(id string) *cri.ContainerStatus {
	k.t.Helper()
	eventually(k.t, "the container has exited", func() bool { return k.state(id).State == cri.ContainerState_CONTAINER_EXITED })
	return k.state(id)
}

func TestCRI(t *testing.T) {
	k := newKubelet(t)
	at := func(t *testing.T) *kubelet { here := *k; here.t = t; return &here }
	t.Run("a-pod-from-start-to-end", func(t *testing.T) {
		k := at(t)
		config := k.podConfig("whole")
		pod := k.pod(config)
		status, err := k.runs.PodSandboxStatus(k.ctx, &cri.PodSandboxStatusRequest{PodSandboxId: pod})
		if err != nil || status.Status.State != cri.PodSandboxState_SANDBOX_READY {
			t.Errorf("%v, %v", status, err)
		}
		id := k.container(pod, config, "app", 0, "sh", "-c", "pwd; cat etc/motd; echo to stderr >&2; exit 3")
		if status := k.exited(id); status.ExitCode != 3 {
			t.Errorf("exit code %d", status.ExitCode)
		}
		log := filepath.Join(config.LogDirectory, "app-0.log")
		eventually(t, "the log is whole", func() bool {
			data, _ := os.ReadFile(log)
			text := string(data)
			return strings.Contains(text, " stdout F /hpc\n") && strings.Contains(text, " stdout F a file of "+appImage+"\n") &&
				strings.Contains(text, " stderr F to stderr\n")
		})
		k.end(pod)
	})
	t.Run("probes", func(t *testing.T) {
		k := at(t)
		config := k.podConfig("probes")
		pod := k.pod(config)
		id := k.container(pod, config, "app", 0, "sleep", "1000")
		for i := range 20 {
			response, err := k.runs.ExecSync(k.ctx, &cri.ExecSyncRequest{ContainerId: id, Cmd: []string{"sh", "-c", fmt.Sprintf("echo probe; exit %d", i%3)}, Timeout: 30})
			if err != nil || string(response.Stdout) != "probe\n" || response.ExitCode != int32(i%3) {
				t.Fatalf("probe %d: %v, %v", i, response, err)
			}
		}
		if _, err := k.runs.ExecSync(k.ctx, &cri.ExecSyncRequest{ContainerId: id, Cmd: []string{"sleep", "1000"}, Timeout: 1}); err == nil {
			t.Error("a probe past its time limit succeeds")
		}
		k.end(pod)
	})
	t.Run("stats-and-update", func(t *testing.T) {
		k := at(t)
		config := k.podConfig("stats")
		pod := k.pod(config)
		id := k.container(pod, config, "app", 0, "sh", "-c", "while :; do :; done")
		eventually(t, "CPU is counted", func() bool {
			stats, err := k.runs.ContainerStats(k.ctx, &cri.ContainerStatsRequest{ContainerId: id})
			return err == nil && stats.Stats.GetCpu().GetUsageCoreNanoSeconds().GetValue() > 0
		})
		if _, err := k.runs.UpdateContainerResources(k.ctx, &cri.UpdateContainerResourcesRequest{ContainerId: id,
			Linux: &cri.LinuxContainerResources{MemoryLimitInBytes: 64 << 20}}); err != nil {
			t.Error("UpdateContainerResources: ", err)
		}
		k.end(pod)
	})
	t.Run("a-container-that-restarts", func(t *testing.T) {
		k := at(t)
		config := k.podConfig("restarts")
		pod := k.pod(config)
		for attempt := range uint32(10) {
			id := k.container(pod, config, "app", attempt, "sh", "-c", fmt.Sprintf("exit %d", attempt))
			if status := k.exited(id); status.ExitCode != int32(attempt) {
				t.Errorf("attempt %d: exit code %d", attempt, status.ExitCode)
			}
			if _, err := k.runs.RemoveContainer(k.ctx, &cri.RemoveContainerRequest{ContainerId: id}); err != nil {
				t.Fatal("RemoveContainer: ", err)
			}
		}
		k.end(pod)
	})
	t.Run("stop-with-grace", func(t *testing.T) {
		k := at(t)
		config := k.podConfig("grace")
		pod := k.pod(config)
		id := k.container(pod, config, "app", 0, "sh", "-c", "trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
		log := filepath.Join(config.LogDirectory, "app-0.log")
		says := func(word string) func() bool {
			return func() bool { data, _ := os.ReadFile(log); return strings.Contains(string(data), word) }
		}
		eventually(t, "it is ready", says("ready"))
		if _, err := k.runs.StopContainer(k.ctx, &cri.StopContainerRequest{ContainerId: id, Timeout: 30}); err != nil {
			t.Error("StopContainer: ", err)
		}
		if status := k.exited(id); status.ExitCode != 0 {
			t.Errorf("exit code %d", status.ExitCode)
		}
		eventually(t, "it was asked", says("asked"))
		k.end(pod)
	})
	t.Run("a-pod-that-is-no-HostProcess-pod", func(t *testing.T) {
		k := at(t)
		config := k.podConfig("plain")
		config.Annotations = nil
		_, err := k.runs.RunPodSandbox(k.ctx, &cri.RunPodSandboxRequest{Config: config, RuntimeHandler: "hostprocess"})
		if err == nil || !strings.Contains(err.Error(), hostProcess) {
			t.Errorf("%v", err)
		}
	})
}
