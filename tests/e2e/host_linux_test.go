package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
)

// The Linux host, as the cases see it: its processes and what is left on it.
// host_windows_test.go is the counterpart.

const (
	shimName   = "containerd-shim-hostprocess-v1"
	hasFreezer = true // of jobs, for Pause
	// killedStatus is the exit that containerd publishes for a container whose shim was killed.
	killedStatus = 137
	execCount    = 300 // "hundreds"
	// The containers of TestCrowd, what each writes, and the KiB by which the shim may grow.
	crowdCount, crowdSize, crowdBound = 100, 256 << 10, 4 << 10
	// searchPath is PATH of what runs in a container.
	searchPath    = "/usr/sbin:/usr/bin:/sbin:/bin"
	addressPrefix = "unix://"
	enterKey      = "\n" // as a terminal sends it
	// terminalName is a command that names the terminal, terminalPrefix how the name begins.
	terminalName, terminalPrefix = "tty", "/dev/pts/"
)

// prepare is called once, before all.
func prepare() error {
	syscall.Umask(0o022)
	return nil
}

// serverAddress is where the containerd of this folder serves.
func serverAddress(dir string) string { return filepath.Join(dir, "c.sock") }

// shimFolder is the folder of the shim that a containerd, or a test, of this
// folder starts.
func shimFolder(string) (string, error) { return os.Getenv("HP_SHIM_DIR"), nil }

func askToEnd(process *os.Process) error { return process.Signal(syscall.SIGTERM) }

// kill9 ends a process at once, as SIGKILL does.
func kill9(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }

// ended says whether there is no such process any more.
func ended(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// alive says whether the process is a running shim.
func alive(pid int) bool {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil && strings.Contains(exe, shimName)
}

// isRunning says whether some process has these words in its command line.
func isRunning(words string) bool {
	entries, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, entry := range entries {
		line, _ := os.ReadFile(entry)
		if strings.Contains(string(bytes.ReplaceAll(line, []byte{0}, []byte(" "))), words) {
			return true
		}
	}
	return false
}

// shims are the pids of the shims that this containerd started: they carry its policy's path.
func (s *server) shims() []int {
	var pids []int
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		var pid int
		if _, err := fmt.Sscan(entry.Name(), &pid); err != nil {
			continue
		}
		exe, _ := os.Readlink(filepath.Join("/proc", entry.Name(), "exe"))
		if filepath.Base(strings.TrimSuffix(exe, " (deleted)")) != shimName {
			continue
		}
		environ, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if bytes.Contains(environ, []byte("HOSTPROCESS_POLICY="+s.policy)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// leftOnHost is what there is of this containerd's containers beside shims and state.
func (s *server) leftOnHost() []string {
	var left []string
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for _, line := range strings.Split(string(mounts), "\n") {
		fields := strings.Fields(line)
		if len(fields) > 4 && (strings.HasPrefix(fields[4], "/hpc") || strings.HasPrefix(fields[4], s.dir+"/")) {
			left = append(left, "mount "+fields[4])
		}
	}
	for _, pattern := range []string{"/sys/fs/cgroup/*/hostprocess/" + s.namespace, "/sys/fs/cgroup/hostprocess/" + s.namespace,
		"/sys/fs/cgroup/*/*/*/hostprocess/" + s.namespace} {
		found, _ := filepath.Glob(pattern)
		for _, path := range found {
			left = append(left, "cgroup "+path)
		}
	}
	volumes, _ := filepath.Glob("/hpc/*")
	for _, path := range volumes {
		left = append(left, "volume "+path)
	}
	return left
}

// openHandles is how many descriptors the process has.
func openHandles(t testing.TB, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// ownMemory is a process's own memory in KiB, without the files it maps.
func ownMemory(t *testing.T, pid int) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	return anonymous(t, string(data))
}

// checkDaemon looks at a shim's socket and at its standard streams.
func checkDaemon(t *testing.T, address string, pid int) {
	t.Helper()
	info, err := os.Stat(strings.TrimPrefix(address, addressPrefix))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("address %q: %v, %v", address, info, err)
	}
	for fd := range 3 {
		if link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd)); err != nil || link != "/dev/null" {
			t.Errorf("descriptor %d of the daemon is %q, %v", fd, link, err)
		}
	}
}

// workloads is how many of the processes are the container's own.
func workloads(pids []containerd.ProcessInfo) int { return len(pids) }

// TestGarbage: how many shims are killed, after at most how many milliseconds, and
// whether a bundle can be removed while its shim lives.
const (
	lives, lifeLimit = 100, 1000
	bareBundles      = true
)

// addressGone says whether nothing is left of a shim's address.
func addressGone(address string) bool {
	for _, suffix := range []string{"", ".lock"} {
		if _, err := os.Lstat(strings.TrimPrefix(address, addressPrefix) + suffix); err == nil {
			return false
		}
	}
	return true
}

// hostChecks are those that doctor makes on Linux only.
var hostChecks = []string{"kernel", "capabilities", "cgroups", "sockets"}
