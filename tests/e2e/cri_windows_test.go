package e2e

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Microsoft/go-winio"
	diffapi "github.com/containerd/containerd/api/services/diff/v1"
	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/contrib/diffservice"
	"github.com/containerd/containerd/v2/contrib/snapshotservice"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/plugins/snapshots/native"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// What the CRI plugin of Windows wants otherwise than that of Linux.
// cri_linux_test.go is the counterpart.

const (
	// snapshotterOption is the images' snapshotter: the one that plugIn serves.
	snapshotterOption = "  snapshotter = \"directories\"\n"
	// toolProgram and the others are what the image of that name configures.
	toolProgram, toolFolder, toolUser = "/bin/of-the-image", `C:\data`, localService
	localService                      = `NT AUTHORITY\Local service`
	localSystem                       = `NT AUTHORITY\SYSTEM`
)

var (
	// imagePath is PATH of the images.
	imagePath = searchPath
	// countsUsage and enforcesLimits: whether jobs do.
	countsUsage, enforcesLimits = !isWine, !isWine
	// removesBundles: containerd does, where it can unmount a rootfs (bindfltapi.dll).
	removesBundles = !isWine
)

func grpcTarget(address string) string { return "passthrough:///" + address }

func grpcOptions() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
		return winio.DialPipeContext(ctx, address)
	})}
}

func pluginAddress(s *server) string { return s.address + "-plugins" }

// plugIn serves what containerd asks for images: a snapshotter over plain
// directories, since the layers of Windows are not everywhere, and what unpacks
// into them.
func plugIn(s *server) (func(), error) {
	snapshotter, err := native.NewSnapshotter(filepath.Join(s.dir, "directories"))
	if err != nil {
		return nil, err
	}
	listener, err := winio.ListenPipe(pluginAddress(s), nil)
	if err != nil {
		return nil, err
	}
	var first net.Conn
	if isWine { // there the first client reaches the instance that holds the name, which nobody reads
		if first, err = winio.DialPipe(pluginAddress(s), nil); err != nil {
			return nil, err
		}
	}
	plugins := grpc.NewServer()
	snapshotsapi.RegisterSnapshotsServer(plugins, snapshotservice.FromSnapshotter(snapshotter))
	diffapi.RegisterDiffServer(plugins, diffservice.FromApplierAndComparer(unpacker{s}, unpacker{s}))
	go func() { _ = plugins.Serve(listener) }()
	return func() {
		plugins.Stop()
		if first != nil {
			_ = first.Close()
		}
		_ = snapshotter.Close()
		_ = os.RemoveAll(s.dir)
	}, nil
}

func extraConfig(s *server) string {
	return fmt.Sprintf(`[proxy_plugins.directories]
  type = "snapshot"
  address = %q
[proxy_plugins.unpacker]
  type = "diff"
  address = %q
[plugins."io.containerd.service.v1.diff-service"]
  default = ["unpacker"]
`, pluginAddress(s), pluginAddress(s))
}

// unpacker unpacks layers that are tar archives as they are.
type unpacker struct{ s *server }

func (u unpacker) Apply(_ context.Context, layer v1.Descriptor, mounts []mount.Mount, _ ...diff.ApplyOpt) (v1.Descriptor, error) {
	if len(mounts) != 1 || mounts[0].Type != "bind" {
		return v1.Descriptor{}, fmt.Errorf("these mounts are not a directory: %v", mounts)
	}
	data, err := content.ReadBlob(u.s.context(), u.s.client.ContentStore(), layer)
	if err != nil {
		return v1.Descriptor{}, err
	}
	archive := tar.NewReader(bytes.NewReader(data))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return layer, nil
		}
		if err != nil {
			return v1.Descriptor{}, err
		}
		path := filepath.Join(mounts[0].Source, header.Name)
		if header.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else {
			var text []byte
			if text, err = io.ReadAll(archive); err == nil {
				err = os.WriteFile(path, text, 0o755)
			}
		}
		if err != nil {
			return v1.Descriptor{}, err
		}
	}
}

func (unpacker) Compare(context.Context, []mount.Mount, []mount.Mount, ...diff.Opt) (v1.Descriptor, error) {
	return v1.Descriptor{}, errors.New("nobody needs this")
}

// imageFiles are an image's.
func imageFiles(name string) (map[string]string, error) {
	files := map[string]string{"etc/": "", "etc/motd": "a file of " + name + "\n", "data/": "", "data/hello": "hello from the image\n"}
	if name != toolImage {
		return files, nil
	}
	program, err := os.ReadFile(filepath.Join(toolsDir, "of-the-image.exe"))
	files["bin/"], files["bin/of-the-image.exe"] = "", string(program)
	return files, err
}

func translatePod(_ *kubelet, config *cri.PodSandboxConfig, spec podSpec) {
	config.Windows = &cri.WindowsPodSandboxConfig{SecurityContext: &cri.WindowsSandboxSecurityContext{HostProcess: !spec.ordinary,
		RunAsUsername: spec.runAs, NamespaceOptions: &cri.WindowsNamespaceOption{Network: cri.NamespaceMode_NODE}}}
}

func translateContainer(config *cri.ContainerConfig, p *pod, spec containerSpec) {
	user := spec.runAs
	if user == "" {
		user = p.spec.runAs
	}
	if user == "" && spec.image != toolImage { // whose own it is then
		user = localSystem
	}
	config.Windows = &cri.WindowsContainerConfig{Resources: memoryResources(spec.memory),
		SecurityContext: &cri.WindowsContainerSecurityContext{HostProcess: !spec.ordinary, RunAsUsername: user}}
}

func memoryResources(memory int64) *cri.WindowsContainerResources {
	return &cri.WindowsContainerResources{MemoryLimitInBytes: memory}
}

// updateMemory is kubelet's request to change a running container's limit.
func (m *member) updateMemory(memory int64) error {
	_, err := m.p.k.runs.UpdateContainerResources(m.p.k.ctx,
		&cri.UpdateContainerResourcesRequest{ContainerId: m.id, Windows: memoryResources(memory)})
	return err
}

func removePodCgroup(*cri.PodSandboxConfig) {}

// cannotRemove says whether it is for Wine's lack of bindfltapi.dll that containerd
// does not remove a pod that its sandboxer "shim" made: it unmounts a folder rootfs
// of its own bundle, on which nothing is mounted.
func cannotRemove(p *pod, err error) bool {
	return isWine && p.k.handler == "shim" && strings.Contains(err.Error(), "removing file binding: Module not found")
}

// usageOf is a container's CPU time and memory in the stats.
func usageOf(stats *cri.ContainerStats) (cpu, memory uint64) {
	return stats.GetCpu().GetUsageCoreNanoSeconds().GetValue(), stats.GetMemory().GetWorkingSetBytes().GetValue()
}

// podUsage is a pod's CPU time and its containers in the stats.
func podUsage(stats *cri.PodSandboxStats) (cpu uint64, containers []string) {
	for _, one := range stats.GetWindows().GetContainers() {
		containers = append(containers, one.GetAttributes().GetId())
	}
	return stats.GetWindows().GetCpu().GetUsageCoreNanoSeconds().GetValue(), containers
}

// differs is how a member unlike its sandbox is refused: by containerd itself here.
const differs = "pod spec and all containers inside must have the HostProcess field set"

// checkLocalService looks at the account of a container of Local service's.
func checkLocalService(t *testing.T, m *member) {
	t.Helper()
	if name := m.says("whoami"); !isWine && name != "nt authority\\local service\n" {
		t.Errorf("account %q", name)
	}
}

// checkOrdinaryPod looks at how a pod that is no HostProcess pod was refused.
func checkOrdinaryPod(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Error("it runs")
	}
}

// toolSays is what the tool image's program prints.
func toolSays(arguments string) string { return "image program: " + arguments + "\nimage\ndata\n" }
