package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// sharedMount is a tmpfs whose mounts propagate, with these directories in it.
func sharedMount(t *testing.T, names ...string) string {
	t.Helper()
	dir := filepath.Join(image(t), "shared")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	tmpfs(t, dir)
	if err := syscall.Mount("", dir, "", syscall.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func tmpfs(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("umount %s: %v", dir, err)
		}
	})
}

// What the host mounts reaches the container as rslave says; nothing that the
// container mounts reaches the host.
func TestPropagation(t *testing.T) {
	dir := sharedMount(t, "later", "mine", "place")
	slave, private := hidden(t, "slave"), hidden(t, "private")
	s := spec(t, "sh", "-c", `until test -e $0/later/file && test -e $2/later/file; do sleep 0.05; done
echo seen
test -e $1/later/file && echo seen in the private one
mount -t tmpfs of-the-container $0/mine && touch $0/mine/file && mount -t tmpfs of-the-container $2/place && touch $2/place/file && echo mounted
exec sleep 4711`, slave, private, dir)
	s.Mounts = []specs.Mount{bind(dir, slave, "rslave"), bind(dir, private, "rprivate")}
	b := shared.boot(t, s, options{})
	tmpfs(t, filepath.Join(dir, "later"))
	write(t, filepath.Join(dir, "later", "file"), "of the host", 0o644)
	eventually(t, "the container sees the host's new mount and makes its own", func() bool { return strings.Contains(b.out.String(), "mounted") })
	if b.out.String() != "seen\nmounted\n" || b.err.Len() != 0 {
		t.Errorf("stdout %q, stderr %q", b.out, b.err)
	}
	for _, name := range []string{"mine", "place"} {
		if entries, err := os.ReadDir(filepath.Join(dir, name)); err != nil || len(entries) != 0 {
			t.Errorf("the container's mount reaches the host: %v, %v", entries, err)
		}
	}
	if mounts, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(mounts), "of-the-container") {
		t.Error("the host's mounts show the container's")
	}
	b.kill(syscall.SIGKILL)
	b.wait()
	b.delete()
}
