//go:build windows

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Microsoft/go-winio"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"hostprocess-shim/tests/windows/suite"
	"hostprocess-shim/tests/windows/text"
)

func podCases(n *node) []suite.Case {
	if *leave || *after {
		return nil
	}
	var all []suite.Case
	add := func(name, row string, run func(*kubelet)) {
		all = append(all, suite.Case{Name: "pod/" + name, Row: row, Run: func(t *suite.T) { run(newKubelet(t, n)) }})
	}
	add("whoami", "2: accounts, through CRI", func(k *kubelet) {
		for user, sid := range map[string]string{`NT AUTHORITY\SYSTEM`: "S-1-5-18", `NT AUTHORITY\Local service`: "S-1-5-19", `NT AUTHORITY\NetworkService`: "S-1-5-20"} {
			if out := k.once(user, "whoami.exe", "/user", "/fo", "csv", "/nh"); !slices.Contains(text.SIDs(out), sid) {
				k.t.Errorf("%s: %q", user, out)
			}
		}
	})
	add("volume", `4: a volume of the image's layers at C:\hpc; C:\hpc as working directory`, func(k *kubelet) {
		if out := k.once(`NT AUTHORITY\SYSTEM`, "cmd.exe", "/d", "/c", "cd& dir /b"); !strings.Contains(strings.ToLower(out), `c:\hpc`) {
			k.t.Errorf("%q", out)
		}
	})
	add("stats", "7: Stats of a pod and its container", func(k *kubelet) {
		pod, config := k.pod()
		id := k.container(pod, config, `NT AUTHORITY\SYSTEM`, "ping.exe", "-n", "600", "127.0.0.1")
		k.t.Eventually("memory is told", func() bool {
			stats, err := k.runtime.ContainerStats(k.ctx, &cri.ContainerStatsRequest{ContainerId: id})
			return err == nil && stats.GetStats().GetMemory().GetWorkingSetBytes().GetValue() > 0
		})
	})
	add("probe", "7: exec in a container, as kubelet probes", func(k *kubelet) {
		pod, config := k.pod()
		id := k.container(pod, config, `NT AUTHORITY\SYSTEM`, "ping.exe", "-n", "600", "127.0.0.1")
		answer, err := k.runtime.ExecSync(k.ctx, &cri.ExecSyncRequest{ContainerId: id, Cmd: []string{"cmd.exe", "/d", "/c", "echo probe& exit 3"}, Timeout: 60})
		if err != nil || answer.ExitCode != 3 || !strings.Contains(string(answer.Stdout), "probe") {
			k.t.Errorf("%v, %v", answer, err)
		}
	})
	return all
}

// kubelet is a client of the CRI API.
type kubelet struct {
	t       *suite.T
	n       *node
	ctx     context.Context
	runtime cri.RuntimeServiceClient
}

func newKubelet(t *suite.T, n *node) *kubelet {
	if !*pull {
		t.Skipf("images are not to be fetched (-pull)")
	}
	connection, err := grpc.NewClient("passthrough:///"+n.pipe, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, pipe string) (net.Conn, error) { return winio.DialPipeContext(ctx, pipe) }))
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	images := cri.NewImageServiceClient(connection)
	for _, image := range []string{*pauseImage, *baseImage} {
		if _, err := images.PullImage(t.Context, &cri.PullImageRequest{Image: &cri.ImageSpec{Image: image}}); err != nil {
			t.Fatalf("pull of %s: %v", image, err)
		}
	}
	return &kubelet{t, n, t.Context, cri.NewRuntimeServiceClient(connection)}
}

// pod runs a sandbox; the case's end removes it and what is in it.
func (k *kubelet) pod() (string, *cri.PodSandboxConfig) {
	name := fmt.Sprintf("kit-%d", serial.Add(1))
	config := &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: name, Uid: name, Namespace: "default"},
		LogDirectory: filepath.Join(k.n.path("pod-logs"), name),
		Annotations:  map[string]string{hostProcess: "true"},
		Windows: &cri.WindowsPodSandboxConfig{SecurityContext: &cri.WindowsSandboxSecurityContext{HostProcess: true,
			NamespaceOptions: &cri.WindowsNamespaceOption{Network: cri.NamespaceMode_NODE}}},
	}
	answer, err := k.runtime.RunPodSandbox(k.ctx, &cri.RunPodSandboxRequest{Config: config, RuntimeHandler: "hostprocess"})
	if err != nil {
		k.t.Fatalf("RunPodSandbox: %v", err)
	}
	k.t.Cleanup(func() {
		_, err := k.runtime.StopPodSandbox(context.Background(), &cri.StopPodSandboxRequest{PodSandboxId: answer.PodSandboxId})
		if err == nil {
			_, err = k.runtime.RemovePodSandbox(context.Background(), &cri.RemovePodSandboxRequest{PodSandboxId: answer.PodSandboxId})
		}
		if err != nil {
			k.t.Errorf("the pod's end: %v", err)
		}
	})
	return answer.PodSandboxId, config
}

func (k *kubelet) container(pod string, config *cri.PodSandboxConfig, user string, args ...string) string {
	created, err := k.runtime.CreateContainer(k.ctx, &cri.CreateContainerRequest{PodSandboxId: pod, SandboxConfig: config, Config: &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: "app"}, Image: &cri.ImageSpec{Image: *baseImage}, Command: args, LogPath: "app.log",
		Annotations: map[string]string{hostProcess: "true"},
		Windows:     &cri.WindowsContainerConfig{SecurityContext: &cri.WindowsContainerSecurityContext{HostProcess: true, RunAsUsername: user}},
	}})
	if err != nil {
		k.t.Fatalf("CreateContainer: %v", err)
	}
	if _, err := k.runtime.StartContainer(k.ctx, &cri.StartContainerRequest{ContainerId: created.ContainerId}); err != nil {
		k.t.Fatalf("StartContainer: %v", err)
	}
	return created.ContainerId
}

// once runs a command in a pod of its own and gives what it printed.
func (k *kubelet) once(user string, args ...string) string {
	pod, config := k.pod()
	id := k.container(pod, config, user, args...)
	k.t.Eventually("it has exited", func() bool {
		status, err := k.runtime.ContainerStatus(k.ctx, &cri.ContainerStatusRequest{ContainerId: id})
		return err == nil && status.Status.State == cri.ContainerState_CONTAINER_EXITED
	})
	data, _ := os.ReadFile(filepath.Join(config.LogDirectory, "app.log"))
	return text.CRILog(string(data))
}
