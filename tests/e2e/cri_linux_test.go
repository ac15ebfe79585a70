package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// What the CRI plugin of Linux wants otherwise than that of Windows.
// cri_windows_test.go is the counterpart.

const (
	// snapshotterOption is the images' snapshotter: the default.
	snapshotterOption = ""
	// imagePath is PATH of the images: their own programs come first.
	imagePath = "/hpc/bin:" + searchPath
	// toolProgram and the others are what the image of that name configures.
	toolProgram, toolFolder, toolUser = "/bin/of-the-image", "/data", "65533"
	localService                      = `NT AUTHORITY\Local service`
	localServiceID                    = 65534
	// countsUsage and enforcesLimits: jobs do.
	countsUsage, enforcesLimits = true, true
	// removesBundles: containerd does.
	removesBundles = true
)

func grpcTarget(address string) string { return "unix://" + address }

func grpcOptions() []grpc.DialOption { return nil }

// plugIn serves what containerd has not itself: nothing.
func plugIn(*server) (func(), error) { return func() {}, nil }

func extraConfig(*server) string { return "" }

// imageFiles are an image's. containerd's Linux half looks accounts up in the
// image, and hands numbers on.
func imageFiles(name string) (map[string]string, error) {
	return map[string]string{"etc/": "", "etc/motd": "a file of " + name + "\n", "data/": "", "data/hello": "hello from the image\n", "bin/": "",
		"bin/of-the-image": "#!/bin/sh\necho image program: \"$@\"\necho $OF\npwd\nid -u\n",
		"bin/ping":         "#!/bin/sh\necho Pinging \"$2\"\nwhile :; do sleep 1; done\n",
		"etc/passwd":       localService + ":x:" + strconv.Itoa(localServiceID) + ":65534::/:\n", "etc/group": "nogroup:x:65534:\n"}, nil
}

// everyNamespace is the host's, as hostNetwork and HostProcess are on Linux.
func everyNamespace() *cri.NamespaceOption {
	return &cri.NamespaceOption{Network: cri.NamespaceMode_NODE, Pid: cri.NamespaceMode_NODE, Ipc: cri.NamespaceMode_NODE}
}

func translatePod(k *kubelet, config *cri.PodSandboxConfig, spec podSpec) {
	if !spec.ordinary {
		config.Annotations[hostProcess] = "true"
		config.Windows = &cri.WindowsPodSandboxConfig{SecurityContext: &cri.WindowsSandboxSecurityContext{HostProcess: true, RunAsUsername: spec.runAs,
			NamespaceOptions: &cri.WindowsNamespaceOption{Network: cri.NamespaceMode_NODE}}}
	}
	config.Linux = &cri.LinuxPodSandboxConfig{CgroupParent: "/hp-kubepods/" + config.Metadata.Uid,
		SecurityContext: &cri.LinuxSandboxSecurityContext{NamespaceOptions: everyNamespace()}}
	for _, folder := range podCgroups(config) {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			k.t.Fatal("the pod's cgroup: ", err)
		}
	}
}

func translateContainer(config *cri.ContainerConfig, p *pod, spec containerSpec) {
	config.Annotations[hostProcess] = strconv.FormatBool(!spec.ordinary)
	user := spec.runAs
	if user == "" {
		user = p.spec.runAs
	}
	config.Linux = &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{NamespaceOptions: everyNamespace(), RunAsUsername: user},
		Resources: memoryResources(spec.memory)}
}

func memoryResources(memory int64) *cri.LinuxContainerResources {
	return &cri.LinuxContainerResources{MemoryLimitInBytes: memory}
}

// updateMemory is kubelet's request to change a running container's limit.
func (m *member) updateMemory(memory int64) error {
	_, err := m.p.k.runs.UpdateContainerResources(m.p.k.ctx,
		&cri.UpdateContainerResourcesRequest{ContainerId: m.id, Linux: memoryResources(memory)})
	return err
}

// podCgroups are where kubelet makes a pod's own cgroup before anything else.
func podCgroups(config *cri.PodSandboxConfig) []string {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return []string{filepath.Join("/sys/fs/cgroup", config.Linux.CgroupParent)}
	}
	controllers, _ := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	var folders []string
	for _, path := range controllers {
		if info, err := os.Lstat(filepath.Dir(path)); err == nil && info.IsDir() {
			folders = append(folders, filepath.Join(filepath.Dir(path), config.Linux.CgroupParent))
		}
	}
	return folders
}

// removePodCgroup removes it after everything else.
func removePodCgroup(config *cri.PodSandboxConfig) {
	for _, folder := range podCgroups(config) {
		_ = os.Remove(folder)
		_ = os.Remove(filepath.Dir(folder)) // works after the last pod
	}
}

// cannotRemove: containerd can.
func cannotRemove(*pod, error) bool { return false }

// usageOf is a container's CPU time and memory in the stats.
func usageOf(stats *cri.ContainerStats) (cpu, memory uint64) {
	return stats.GetCpu().GetUsageCoreNanoSeconds().GetValue(), stats.GetMemory().GetWorkingSetBytes().GetValue()
}

// podUsage is a pod's CPU time and its containers in the stats.
func podUsage(stats *cri.PodSandboxStats) (cpu uint64, containers []string) {
	for _, one := range stats.GetLinux().GetContainers() {
		containers = append(containers, one.GetAttributes().GetId())
	}
	return stats.GetLinux().GetCpu().GetUsageCoreNanoSeconds().GetValue(), containers
}

// differs is how a member unlike its sandbox is refused.
const differs = "set hostProcess alike for the pod and for each of its containers"

// checkLocalService looks at the account of a container of Local service's.
func checkLocalService(t *testing.T, m *member) {
	t.Helper()
	if id := m.says("id", "-u"); id != strconv.Itoa(localServiceID)+"\n" {
		t.Errorf("uid %q", id)
	}
}

// checkOrdinaryPod looks at how a pod that is no HostProcess pod was refused.
func checkOrdinaryPod(t *testing.T, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), hostProcess) {
		t.Error(err)
	}
}

// toolSays is what the tool image's program prints.
func toolSays(arguments string) string {
	return "image program: " + arguments + "\nimage\n/hpc/data\n" + toolUser + "\n"
}
