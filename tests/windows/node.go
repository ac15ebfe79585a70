//go:build windows

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

const (
	runtimeName = "io.containerd.hostprocess.v1"
	shimName    = "containerd-shim-hostprocess-v1.exe"
	serviceName = "hostprocess-kit"
	// patience is how long a service may take to start or stop.
	patience = 2 * time.Minute
)

// node is a containerd of the kit's own, which runs our shim.
type node struct {
	profile   profile
	dir, pipe string
	namespace string
	version   string
	client    *containerd.Client
	process   *exec.Cmd
}

func newNode(p profile) (*node, error) {
	// Not in TEMP: the accounts that containers run as must reach what is in it.
	dir, err := os.MkdirTemp(os.Getenv("ProgramData"), "hostprocess-kit-")
	if err != nil {
		return nil, err
	}
	n := &node{profile: p, dir: dir, pipe: fmt.Sprintf(`\\.\pipe\hostprocess-kit-%d-%s`, os.Getpid(), p.name), namespace: "kit"}
	if p.cri {
		n.namespace = "k8s.io"
	}
	if err := n.copyPrograms(); err != nil {
		return n, err
	}
	return n, os.WriteFile(n.path("config.toml"), []byte(n.config()), 0o644)
}

// copyPrograms puts the shim, and the kit as a container's program, where every account may run them.
func (n *node) copyPrograms() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Mkdir(n.path("bin"), 0o755); err != nil {
		return err
	}
	for from, to := range map[string]string{self: "kit.exe", *shimPath: shimName} {
		data, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(n.path("bin"), to), data, 0o755)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (n *node) path(name string) string { return filepath.Join(n.dir, name) }

// config is of version 2, which containerd 1.7 and 2.x both read.
func (n *node) config() string {
	text := fmt.Sprintf("version = 2\nroot = '%s'\nstate = '%s'\n[grpc]\n  address = '%s'\n[ttrpc]\n  address = '%s-ttrpc'\n",
		n.path("root"), n.path("state"), n.pipe, n.pipe)
	if !n.profile.cri {
		return `disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"]` + "\n" + text
	}
	return text + fmt.Sprintf(`[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = '%s'
[plugins."io.containerd.grpc.v1.cri".containerd]
  default_runtime_name = "hostprocess"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.hostprocess]
  runtime_type = "%s"
  pod_annotations = ["microsoft.com/*"]
  container_annotations = ["microsoft.com/*"]
`, *pauseImage, runtimeName)
}

// start starts containerd, as nodes do: a service as LocalSystem.
func (n *node) start() error {
	program, err := filepath.Abs(filepath.Join(*containerdFolder, "containerd.exe"))
	if err != nil {
		return err
	}
	search := "PATH=" + n.path("bin") + ";" + os.Getenv("PATH")
	if *asProcess {
		err = n.startProcess(program, search)
	} else {
		err = n.startService(program, search)
	}
	if err != nil {
		return err
	}
	return n.connect()
}

func (n *node) startProcess(program, search string) error {
	output, err := os.OpenFile(n.path("containerd.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer output.Close()
	n.process = exec.Command(program, "--config", n.path("config.toml"))
	n.process.Env = append(os.Environ(), search)
	n.process.Stdout, n.process.Stderr = output, output
	return n.process.Start()
}

func (n *node) startService(program, search string) error {
	manager, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("the service manager (run as an administrator): %w", err)
	}
	defer func() { _ = manager.Disconnect() }()
	service, err := createService(manager, program, mgr.Config{StartType: mgr.StartManual, DisplayName: "hostprocess-shim's conformance kit"},
		"--run-service", "--service-name", serviceName, "--config", n.path("config.toml"), "--log-file", n.path("containerd.log"))
	if err != nil {
		return err
	}
	defer service.Close()
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Services\`+serviceName, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer key.Close()
	if err := key.SetStringsValue("Environment", []string{search}); err != nil {
		return err
	}
	return service.Start()
}

// createService waits until the last node's service, which has the same name, is forgotten.
func createService(manager *mgr.Mgr, program string, config mgr.Config, args ...string) (*mgr.Service, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		service, err := manager.CreateService(serviceName, program, config, args...)
		if !errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE) || time.Now().After(deadline) {
			return service, err
		}
	}
}

func (n *node) connect() error {
	for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		client, err := containerd.New(n.pipe, containerd.WithTimeout(2*time.Second), containerd.WithDefaultNamespace(n.namespace))
		if err == nil {
			var version containerd.Version
			if version, err = client.Version(n.context(context.Background())); err == nil {
				n.client, n.version = client, version.Version
				return nil
			}
			_ = client.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("containerd does not serve: %w: %s", err, n.logTail())
		}
	}
}

func (n *node) context(parent context.Context) context.Context {
	return namespaces.WithNamespace(parent, n.namespace)
}

// stop ends containerd and leaves its containers.
func (n *node) stop() error {
	if n.client != nil {
		_ = n.client.Close()
	}
	if n.process != nil {
		_ = n.process.Process.Kill()
		_ = n.process.Wait()
		return nil
	}
	manager, err := mgr.Connect()
	if err != nil {
		return err
	}
	defer func() { _ = manager.Disconnect() }()
	service, err := manager.OpenService(serviceName)
	if err != nil {
		return err
	}
	defer service.Close()
	status, err := service.Control(svc.Stop)
	for deadline := time.Now().Add(patience); err == nil && status.State != svc.Stopped; status, err = service.Query() {
		if time.Now().After(deadline) {
			return fmt.Errorf("containerd does not stop")
		}
		time.Sleep(200 * time.Millisecond)
	}
	if err != nil && err != windows.ERROR_SERVICE_NOT_ACTIVE {
		return err
	}
	return service.Delete()
}

// end stops containerd, keeps its log, and removes the node's folder.
func (n *node) end() error {
	if !*leave {
		n.removeImages()
	}
	err := n.stop()
	if data, readErr := os.ReadFile(n.path("containerd.log")); readErr == nil {
		_ = os.WriteFile(filepath.Join(*outFolder, "containerd-"+n.profile.name+".log"), data, 0o644)
	}
	if !*leave {
		_ = os.RemoveAll(n.dir)
	}
	return err
}

// removeImages removes what pods were made of: layers are more than folders.
func (n *node) removeImages() {
	if n.client == nil {
		return
	}
	ctx, cancel := context.WithTimeout(n.context(context.Background()), patience)
	defer cancel()
	all, _ := n.client.ImageService().List(ctx)
	for _, image := range all {
		_ = n.client.ImageService().Delete(ctx, image.Name, images.SynchronousDelete())
	}
}

func (n *node) logTail() string {
	data, _ := os.ReadFile(n.path("containerd.log"))
	return strings.ToValidUTF8(string(data[max(0, len(data)-4000):]), "?")
}

// system names the machine's Windows.
func system() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("Windows %d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}
