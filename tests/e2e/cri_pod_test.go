package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// theManifest is that of Kubernetes' page on HostProcess pods.
const theManifest = `{"spec": {
  "securityContext": {"windowsOptions": {"hostProcess": true, "runAsUserName": "NT AUTHORITY\\Local service"}},
  "hostNetwork": true,
  "containers": [{"name": "test", "image": "` + appImage + `", "command": ["ping", "-t", "127.0.0.1"]}],
  "nodeSelector": {"kubernetes.io/os": "windows"}}}`

// fromManifest reads as much of a manifest as the one above has.
func fromManifest(t *testing.T, text string) (podSpec, []containerSpec) {
	t.Helper()
	var m struct {
		Spec struct {
			SecurityContext struct {
				WindowsOptions struct {
					HostProcess   bool
					RunAsUserName string
				}
			}
			HostNetwork bool
			Containers  []struct {
				Name, Image string
				Command     []string
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	options := m.Spec.SecurityContext.WindowsOptions
	if !m.Spec.HostNetwork || !options.HostProcess {
		t.Fatal("this is no HostProcess pod")
	}
	var containers []containerSpec
	for _, one := range m.Spec.Containers {
		containers = append(containers, containerSpec{name: one.Name, image: one.Image, command: one.Command})
	}
	return podSpec{name: "manifest", runAs: options.RunAsUserName}, containers
}

// A pod and its containers, from RunPodSandbox to RemovePodSandbox.
func TestCRIPod(t *testing.T) {
	eachSandboxer(t, func(t *testing.T, at func(*testing.T) *kubelet) {
		sub(t, "from-start-to-end", func(t *testing.T) {
			k := at(t)
			p := k.run(podSpec{name: "whole"})
			if state := p.state(); state != cri.PodSandboxState_SANDBOX_READY {
				t.Error(state)
			}
			m := p.start(sh("app", "cat etc/motd; echo to stderr >&2; exit 3"))
			status := m.exited()
			if status.ExitCode != 3 || status.Reason != "Error" || status.StartedAt < status.CreatedAt || status.FinishedAt < status.CreatedAt {
				t.Error(status)
			}
			m.logs("stdout", "a file of "+appImage+"\n")
			m.logs("stderr", "to stderr\n")
			m.remove()
			if _, err := k.runs.StopPodSandbox(k.ctx, &cri.StopPodSandboxRequest{PodSandboxId: p.id}); err != nil {
				t.Fatal("StopPodSandbox: ", err)
			}
			eventually(t, "the pod is not ready any more", func() bool { return p.state() == cri.PodSandboxState_SANDBOX_NOTREADY })
			p.end() // stops once more, which kubelet does too
			if list, err := k.runs.ListPodSandbox(k.ctx, &cri.ListPodSandboxRequest{Filter: &cri.PodSandboxFilter{Id: p.id}}); err != nil || len(list.Items) != 0 && !p.stays {
				t.Error(list, err)
			}
		})
		sub(t, "the-manifest-of-the-page", func(t *testing.T) {
			k := at(t)
			spec, containers := fromManifest(t, theManifest)
			p := k.run(spec)
			for _, container := range containers {
				m := p.start(container)
				m.has("127.0.0.1")
				if status := m.status(); status.State != cri.ContainerState_CONTAINER_RUNNING {
					t.Error(status)
				}
				checkLocalService(t, m)
				if status := m.stop(30); status.State != cri.ContainerState_CONTAINER_EXITED {
					t.Error(status)
				}
			}
		})
		sub(t, "several-containers", func(t *testing.T) {
			p := at(t).run(podSpec{name: "several"})
			var members []*member
			for i := range 5 {
				members = append(members, p.start(sh(fmt.Sprint("app-", i), fmt.Sprintf("echo I am %d; until test -e stop; do sleep 0.1; done; exit %d", i, i))))
			}
			for i, m := range members {
				m.logs("stdout", fmt.Sprintf("I am %d\n", i))
			}
			// Each has a volume of its own: what one finds there no other does.
			for _, i := range []int{3, 0, 4, 1, 2} {
				members[i].says("sh", "-c", "echo >stop")
				if status := members[i].exited(); status.ExitCode != int32(i) {
					t.Error(status)
				}
				if i != 2 && members[2].status().State != cri.ContainerState_CONTAINER_RUNNING {
					t.Errorf("the end of %d ended 2", i)
				}
			}
			if state := p.state(); state != cri.PodSandboxState_SANDBOX_READY {
				t.Error("the pod after its last container: ", state)
			}
		})
		sub(t, "init-containers-one-after-another", func(t *testing.T) {
			p := at(t).run(podSpec{name: "init"})
			var before int64
			for i := range 3 {
				m := p.start(sh(fmt.Sprint("init-", i), fmt.Sprint("echo init ", i)))
				status := m.exited()
				if status.ExitCode != 0 || status.Reason != "Completed" || status.StartedAt <= before {
					t.Error(status)
				}
				before = status.FinishedAt
				m.logs("stdout", fmt.Sprintf("init %d\n", i))
			}
			m := p.start(sh("app", "echo app; sleep 1000"))
			m.logs("stdout", "app\n")
		})
		sub(t, "eight-pods-at-once", func(t *testing.T) {
			k := at(t)
			members := make([]*member, 8)
			var group sync.WaitGroup
			for i := range members {
				group.Go(func() {
					p, err := k.tryRun(podSpec{name: fmt.Sprint("pod-", i)})
					if err == nil {
						members[i], err = p.try(sh("app", fmt.Sprintf("echo pod %d; exit %d", i, i)))
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			if group.Wait(); t.Failed() {
				return
			}
			for i, m := range members {
				if status := m.exited(); status.ExitCode != int32(i) {
					t.Error(status)
				}
				m.logs("stdout", fmt.Sprintf("pod %d\n", i))
				group.Go(m.p.end)
			}
			group.Wait()
		})
		sub(t, "an-image-with-user-entrypoint-and-folder", func(t *testing.T) {
			p := at(t).run(podSpec{name: "image"})
			m := p.start(containerSpec{name: "tool", image: toolImage})
			if status := m.exited(); status.ExitCode != 0 {
				t.Error(status)
			}
			m.logs("stdout", toolSays("one two"))
			m = p.start(containerSpec{name: "tool", image: toolImage, attempt: 1, args: []string{"three four"}})
			m.exited()
			m.logs("stdout", toolSays("three four"))
		})
		sub(t, "what-the-pod-says-wins-over-the-image", func(t *testing.T) {
			p := at(t).run(podSpec{name: "wins", runAs: localService})
			m := p.start(containerSpec{name: "tool", image: toolImage, command: []string{"sh", "-c", "echo $OF; cat hello; sleep 1000"},
				workingDir: toolFolder, env: map[string]string{"OF": "pod"}})
			m.logs("stdout", "pod\nhello from the image\n")
			checkLocalService(t, m)
		})
		sub(t, "the-token-of-its-service-account", func(t *testing.T) {
			const path = "/var/run/secrets/kubernetes.io/serviceaccount"
			secret := image(t)
			write(t, filepath.Join(secret, "token"), "secret\n", 0o644)
			spec := sh("app", "cat "+path+"/token ."+path+`/token "$CONTAINER_SANDBOX_MOUNT_POINT`+path+`/token"; echo >.`+path+"/new || echo read-only")
			spec.mounts = map[string]string{path: secret}
			p := at(t).run(podSpec{name: "token"})
			m := p.start(spec)
			m.exited()
			m.logs("stdout", "secret\nsecret\nsecret\nread-only\n")
			// Each container has its own, and none is left with the next.
			next := p.start(sh("next", "cat "+path+"/token || echo none"))
			next.exited()
			next.logs("stdout", "none\n")
		})
		sub(t, "a-member-that-differs-from-its-sandbox", func(t *testing.T) {
			k := at(t)
			p := k.run(podSpec{name: "differs"})
			spec := sh("app", "true")
			spec.ordinary = true
			m, err := p.try(spec)
			if err == nil || !strings.Contains(err.Error(), differs) {
				t.Error(err)
			}
			if m != nil {
				m.remove()
			}
			// It harms no other.
			if status := p.start(sh("app", "exit 4")).exited(); status.ExitCode != 4 {
				t.Error(status)
			}
		})
		sub(t, "a-pod-that-is-no-HostProcess-pod", func(t *testing.T) {
			k := at(t)
			_, err := k.tryRun(podSpec{name: "plain", ordinary: true})
			checkOrdinaryPod(t, err)
		})
		sub(t, "a-program-that-is-not-there", func(t *testing.T) {
			p := at(t).run(podSpec{name: "missing"})
			m, err := p.try(containerSpec{name: "app", command: []string{"no-such-program"}})
			if err == nil || !strings.Contains(err.Error(), "no-such-program") {
				t.Fatal(err)
			}
			if status := m.status(); status.State != cri.ContainerState_CONTAINER_EXITED || status.ExitCode != 128 || status.Reason != "StartError" ||
				!strings.Contains(status.Message, "no-such-program") {
				t.Error(status)
			}
			m.remove()
		})
	})
}
