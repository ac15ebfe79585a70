package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// The images that the pods name.
const (
	pauseImage = "test.local/pause:1"
	appImage   = "test.local/app:1"  // says nothing of what is to be run
	toolImage  = "test.local/tool:1" // has a program, a folder and a user of its own
)

// kubelet is a client of the CRI API of a containerd of its own.
type kubelet struct {
	t       *testing.T
	s       *server
	ctx     context.Context
	runs    cri.RuntimeServiceClient
	images  cri.ImageServiceClient
	handler string // the runtime whose sandboxer has this name
	close   func()
}

// sandboxers are the two ways in which containerd makes a pod; those before 2.3
// do not have the second.
func sandboxers(t testing.TB) []string {
	t.Helper()
	version, err := containerdVersion()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(version, " 1.") {
		return []string{"podsandbox"}
	}
	return []string{"podsandbox", "shim"}
}

var containerdVersion = sync.OnceValues(func() (string, error) {
	version, err := exec.Command(os.Getenv("HP_CONTAINERD"), "--version").Output()
	return string(version), err
})

// eachSandboxer runs the cases in pods that are made in each way.
func eachSandboxer(t *testing.T, cases func(t *testing.T, at func(t *testing.T) *kubelet)) {
	for _, name := range sandboxers(t) {
		sub(t, name, func(t *testing.T) {
			cases(t, func(t *testing.T) *kubelet {
				t.Helper()
				node, err := oneKubelet()
				if err != nil {
					t.Fatal("no kubelet: ", err)
				}
				return node.of(t, name)
			})
		})
	}
}

// sharedKubelet is that of every case that does not harm its containerd, once one
// was wanted; TestMain ends it.
var sharedKubelet *kubelet

var oneKubelet = sync.OnceValues(func() (*kubelet, error) {
	node, err := newKubelet()
	sharedKubelet = node
	return node, err
})

// ownKubelet gives a test one of its own, whose containerd it may harm.
func ownKubelet(t *testing.T, handler string) *kubelet {
	t.Helper()
	node, err := newKubelet()
	if node != nil {
		t.Cleanup(func() {
			if left := node.stop(); left != "" {
				t.Errorf("left behind:\n%s", left)
			}
		})
	}
	if err != nil {
		t.Fatal("no kubelet: ", err)
	}
	return node.of(t, handler)
}

// of is the kubelet as a test uses it.
func (k *kubelet) of(t *testing.T, handler string) *kubelet {
	here := *k
	here.t, here.handler = t, handler
	var cancel context.CancelFunc
	here.ctx, cancel = context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	return &here
}

func newKubelet() (*kubelet, error) {
	s, err := newServer()
	if err != nil {
		return nil, err
	}
	s.namespace = "k8s.io"
	config, err := criConfig(s)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(s.dir, "config.toml"), []byte(config), 0o644); err != nil {
		return nil, err
	}
	unplug, err := plugIn(s)
	if err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	connection, err := grpc.NewClient(grpcTarget(s.address), append(grpcOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		return nil, err
	}
	k := &kubelet{s: s, runs: cri.NewRuntimeServiceClient(connection), images: cri.NewImageServiceClient(connection), close: func() {
		_ = connection.Close()
		unplug()
	}}
	return k, k.load()
}

// criConfig is the configuration of a containerd that has its CRI plugin, and in
// it a runtime for each sandboxer.
func criConfig(s *server) (string, error) {
	version, err := containerdVersion()
	if err != nil {
		return "", err
	}
	format, images, runtimes := 3, "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"
	sandboxImage := fmt.Sprintf("[plugins.%q.pinned_images]\n  sandbox = %q\n[plugins.%q]\n", images, pauseImage, images)
	if strings.Contains(version, " 1.") {
		format, runtimes = 2, "io.containerd.grpc.v1.cri"
		images = runtimes + `".containerd."`
		sandboxImage = fmt.Sprintf("[plugins.%q]\n  disable_tcp_service = true\n  sandbox_image = %q\n", runtimes, pauseImage)
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
[debug]
  level = "debug"
%s%s[plugins.%q.cni]
  bin_dir = %q
  conf_dir = %q
[plugins.%q.containerd]
  default_runtime_name = "podsandbox"
`, format, filepath.Join(s.dir, "root"), filepath.Join(s.dir, "state"), s.address, s.address+".ttrpc", sandboxImage, snapshotterOption,
		runtimes, filepath.Join(s.dir, "cni"), filepath.Join(s.dir, "cni"), runtimes)
	for name, options := range map[string]string{"podsandbox": "", "shim": "  sandboxer = \"shim\"\n  disable_pause_image_pull = true\n"} {
		if options == "" || format == 3 {
			config += fmt.Sprintf(`[plugins.%q.containerd.runtimes.%s]
  runtime_type = %q
  pod_annotations = ["microsoft.com/*"]
  container_annotations = ["microsoft.com/*"]
%s`, runtimes, name, runtimeName, options)
		}
	}
	config += fmt.Sprintf(`[plugins.%q.containerd.runtimes.policy]
  runtime_type = %q
  pod_annotations = ["microsoft.com/*"]
  container_annotations = ["microsoft.com/*"]
  [plugins.%q.containerd.runtimes.policy.options]
    ConfigPath = %q
`, runtimes, runtimeName, runtimes, s.runtimePolicy())
	return config + extraConfig(s), nil
}

// runtimePolicy is what the options of the runtime "policy" name.
func (s *server) runtimePolicy() string { return filepath.Join(s.dir, "runtime-policy.json") }

// load imports the images that the pods name, as a registry would bring them, and
// waits until the CRI plugin serves.
func (k *kubelet) load() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for name, config := range map[string]v1.ImageConfig{pauseImage: {Entrypoint: []string{"/pause"}}, appImage: {Cmd: []string{"/app"}},
		toolImage: {User: toolUser, Entrypoint: []string{toolProgram}, Cmd: []string{"one", "two"}, WorkingDir: toolFolder, Env: []string{"OF=image"}}} {
		config.Env = append(config.Env, "PATH="+imagePath)
		files, err := imageFiles(name)
		if err != nil {
			return err
		}
		contents, err := archive(name, config, files)
		if err != nil {
			return err
		}
		imported, err := k.s.client.Import(k.s.context(), contents)
		if err != nil || len(imported) != 1 {
			return fmt.Errorf("import of %s: %v, %w", name, imported, err)
		}
		for {
			status, err := k.images.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: name}})
			if err == nil && status.Image != nil {
				break
			}
			if ctx.Err() != nil {
				return fmt.Errorf("the CRI plugin does not know %s: %w: %s", name, err, k.s.logTail())
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// stop ends the kubelet's containerd and says what is left.
func (k *kubelet) stop() string {
	left := k.s.stop()
	k.close()
	return left
}

// startAgain runs containerd once more, after a kill, and waits for its CRI plugin.
func (k *kubelet) startAgain() {
	k.t.Helper()
	if err := k.s.start(); err != nil {
		k.t.Fatal("containerd does not start again: ", err)
	}
	eventually(k.t, "the CRI plugin serves again", func() bool {
		_, err := k.runs.Version(k.ctx, &cri.VersionRequest{})
		return err == nil
	})
}
