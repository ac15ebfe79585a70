package e2e

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"
)

const (
	runtimeName = "io.containerd.hostprocess.v1"
	// patience is how long a condition may take on a loaded machine. Nothing
	// asserts that something was fast.
	patience = 60 * time.Second
)

// server is one running containerd with its own folders, which runs our shim.
type server struct {
	dir, address, namespace string
	stateDir                string // the shim's persistent state
	policy                  string // path of the node policy the shims see
	client                  *containerd.Client
	command                 *exec.Cmd
	exited                  chan struct{}
	log                     *os.File
}

// shared is the containerd of every test that does not harm it.
var shared *server

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		if flag.Lookup("test.list").Value.String() != "" {
			return m.Run() // only names are asked for
		}
		if os.Getenv("HP_CONTAINERD") == "" || os.Getenv("HP_SHIM_DIR") == "" {
			fmt.Println("HP_CONTAINERD and HP_SHIM_DIR must name a containerd and the shim's folder; scripts/e2e.sh sets them")
			return 1
		}
		err := prepare()
		if err == nil {
			shared, err = newServer()
		}
		if err == nil {
			err = shared.start()
		}
		if err != nil {
			fmt.Println("containerd does not start:", err)
			return 1
		}
		status := m.Run()
		if sharedKubelet != nil {
			if left := sharedKubelet.stop(); left != "" {
				fmt.Println("left behind by the pods:\n" + left)
				status = 1
			}
		}
		if left := shared.stop(); left != "" {
			fmt.Println("left behind at the end:\n" + left)
			status = 1
		}
		return status
	}())
}

func newServer() (*server, error) {
	dir, err := os.MkdirTemp("", "hp-e2e-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	s := &server{
		dir: dir, address: serverAddress(dir), namespace: "hp-" + filepath.Base(dir)[7:],
		stateDir: filepath.Join(dir, "shim-state"), policy: filepath.Join(dir, "policy.json"),
	}
	if err := os.WriteFile(s.policy, []byte(`{}`), 0o644); err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images",
  "io.containerd.internal.v1.restart", "io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs"]
[grpc]
  address = %q
[ttrpc]
  address = %q
[debug]
  level = "debug"
`, filepath.Join(dir, "root"), filepath.Join(dir, "state"), s.address, s.address+".ttrpc")
	return s, os.WriteFile(filepath.Join(dir, "config.toml"), []byte(config), 0o644)
}

// start runs containerd and waits until it serves.
func (s *server) start() error {
	var err error
	if s.log, err = os.OpenFile(filepath.Join(s.dir, "containerd.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		return err
	}
	folder, err := shimFolder(s.dir)
	if err != nil {
		return err
	}
	s.command = exec.Command(os.Getenv("HP_CONTAINERD"), "--config", filepath.Join(s.dir, "config.toml"))
	s.command.Env = append(os.Environ(), "PATH="+folder+string(os.PathListSeparator)+os.Getenv("PATH"),
		"HOSTPROCESS_POLICY="+s.policy, "HOSTPROCESS_STATE_DIR="+s.stateDir)
	s.command.Stdout, s.command.Stderr = s.log, s.log
	if err := s.command.Start(); err != nil {
		return err
	}
	s.exited = make(chan struct{})
	command, exited := s.command, s.exited
	go func() {
		_ = command.Wait()
		close(exited)
	}()
	deadline := time.Now().Add(patience)
	for {
		s.client, err = containerd.New(s.address, containerd.WithTimeout(2*time.Second), containerd.WithDefaultNamespace(s.namespace))
		if err == nil {
			ctx, cancel := context.WithTimeout(s.context(), 2*time.Second)
			_, err = s.client.Version(ctx)
			cancel()
			if err == nil {
				return nil
			}
			_ = s.client.Close()
		}
		select {
		case <-s.exited:
			return fmt.Errorf("containerd exited: %s", s.logTail())
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: %s", err, s.logTail())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (s *server) context() context.Context {
	return namespaces.WithNamespace(context.Background(), s.namespace)
}

// kill ends containerd at once, as a crash would.
func (s *server) kill() {
	_ = s.client.Close()
	_ = s.command.Process.Kill()
	<-s.exited
	_ = s.log.Close()
}

// stop ends containerd and says what it and the shims left behind.
func (s *server) stop() string {
	left := s.leftovers()
	_ = s.client.Close()
	_ = askToEnd(s.command.Process)
	select {
	case <-s.exited:
	case <-time.After(20 * time.Second):
		_ = s.command.Process.Kill()
		<-s.exited
	}
	_ = s.log.Close()
	if left == "" {
		_ = os.RemoveAll(s.dir)
	}
	return left
}

func (s *server) logTail() string {
	data, _ := os.ReadFile(filepath.Join(s.dir, "containerd.log"))
	if len(data) > 6000 {
		data = data[len(data)-6000:]
	}
	return string(data)
}

// leftovers waits until nothing of our containers is on the host any more, and
// says what is, if it does not go away.
func (s *server) leftovers() string {
	var left string
	deadline := time.Now().Add(20 * time.Second)
	for {
		if left = s.leftoversNow(); left == "" || time.Now().After(deadline) {
			return left
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (s *server) leftoversNow() string {
	var left []string
	for _, pid := range s.shims() {
		left = append(left, fmt.Sprintf("shim process %d", pid))
	}
	left = append(left, s.leftOnHost()...)
	_ = filepath.Walk(s.stateDir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() || strings.HasSuffix(path, "lock") {
			return nil
		}
		// The ledger stays, for it knows which uid comes next; its claims must not.
		data, _ := os.ReadFile(path)
		if filepath.Base(path) != "ledger.json" || !bytes.Contains(data, []byte(`"claims":[]`)) {
			left = append(left, fmt.Sprintf("state %s: %s", path, data))
		}
		return nil
	})
	return strings.Join(left, "\n")
}

// own gives a test a containerd of its own, which it may harm.
func own(t *testing.T) *server {
	t.Helper()
	s, err := newServer()
	if err == nil {
		err = s.start()
	}
	if err != nil {
		t.Fatal("containerd does not start: ", err)
	}
	t.Cleanup(func() {
		if left := s.stop(); left != "" {
			t.Errorf("left behind:\n%s", left)
		}
	})
	return s
}

// eventually waits for a condition; what names it.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// buffer takes a stream's output from another goroutine.
type buffer struct {
	mutex sync.Mutex
	data  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.data.String()
}

func (b *buffer) Len() int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.data.Len()
}
