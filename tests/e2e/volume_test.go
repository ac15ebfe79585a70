package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/mount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func bind(source, destination string, o ...string) specs.Mount {
	return specs.Mount{Source: source, Destination: destination, Type: "bind", Options: append([]string{"rbind"}, o...)}
}

// hidden is a host path that does not exist; the test's end sees that it is gone again.
func hidden(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("/", "hp-e2e-"+newID(t), name)
	t.Cleanup(func() {
		if _, err := os.Lstat(filepath.Dir(path)); err == nil {
			t.Errorf("the mount point %s is still there", path)
			_ = os.Remove(path)
			_ = os.Remove(filepath.Dir(path))
		}
	})
	return path
}

const tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount"

// tokenSpec is a container with a service account's token, which it reads at these
// places, each named by the shell's own expansion; what is made for it on the host
// is gone at the test's end.
func tokenSpec(t *testing.T, places ...string) *specs.Spec {
	t.Helper()
	const made = "/run/secrets"
	if _, err := os.Stat(made); err != nil {
		t.Cleanup(func() {
			if _, err := os.Lstat(made); err == nil {
				t.Errorf("%s is still there", made)
			}
		})
	}
	source := image(t)
	write(t, filepath.Join(source, "token"), "a token\n", 0o644)
	script := ""
	for _, place := range places {
		script += "cat " + place + "/token; "
	}
	s := spec(t, "sh", "-c", script)
	s.Mounts = []specs.Mount{bind(source, tokenPath, "ro")}
	return s
}

func TestVolume(t *testing.T) {
	sub(t, "bind/a-mount-is-at-its-path-and-in-the-volume-and-nowhere-else", func(t *testing.T) {
		source := image(t)
		path := hidden(t, "data")
		s := spec(t, "sh", "-c", "cat "+path+"/data/hello /hpc"+path+"/data/hello ."+path+"/data/hello; echo ready; read x")
		s.Mounts = []specs.Mount{bind(source, path)}
		b := shared.boot(t, s, options{stdin: &late{}})
		eventually(t, "it has read", func() bool { return strings.Contains(b.out.String(), "ready") })
		if want := strings.Repeat("hello from the image\n", 3) + "ready\n"; b.out.String() != want {
			t.Errorf("stdout %q, stderr %q", b.out, b.err)
		}
		if entries, _ := os.ReadDir(path); len(entries) != 0 {
			t.Errorf("the host sees the mount: %v", entries)
		}
		if entries, _ := os.ReadDir("/hpc"); len(entries) != 0 {
			t.Errorf("the host sees the volume: %v", entries)
		}
		b.kill(syscall.SIGKILL)
		b.wait()
		b.delete()
	})
	sub(t, "bind/a-file", func(t *testing.T) {
		path := hidden(t, "file")
		s := spec(t, "cat", path)
		s.Mounts = []specs.Mount{bind(s.Root.Path+"/data/hello", path)}
		if _, out, err := shared.run(t, s); out != "hello from the image\n" {
			t.Errorf("stdout %q, stderr %q", out, err)
		}
	})
	sub(t, "bind/read-only", func(t *testing.T) {
		path := hidden(t, "ro")
		s := spec(t, "sh", "-c", "touch "+path+"/x || echo refused")
		s.Mounts = []specs.Mount{bind(image(t), path, "ro")}
		if _, out, _ := shared.run(t, s); out != "refused\n" {
			t.Errorf("stdout %q", out)
		}
	})
	sub(t, "bind/read-only-root", func(t *testing.T) {
		s := spec(t, "sh", "-c", "touch /hpc/x || echo refused")
		s.Root.Readonly = true
		if _, out, _ := shared.run(t, s); out != "refused\n" {
			t.Errorf("stdout %q", out)
		}
	})
	sub(t, "bind/tokens-are-at-their-four-paths", func(t *testing.T) {
		// The last is the path that the host's own link, /var/run, leads to.
		s := tokenSpec(t, tokenPath, "/hpc"+tokenPath, "."+tokenPath, "$CONTAINER_SANDBOX_MOUNT_POINT"+tokenPath, strings.TrimPrefix(tokenPath, "/var"))
		if _, out, err := shared.run(t, s); out != strings.Repeat("a token\n", 5) {
			t.Errorf("stdout %q, stderr %q", out, err)
		}
	})
	sub(t, "symlink/tokens-are-at-their-two-paths", func(t *testing.T) {
		s := tokenSpec(t, "."+tokenPath, "$CONTAINER_SANDBOX_MOUNT_POINT"+tokenPath)
		s.Annotations[mountBehavior] = "symlink"
		if _, out, err := shared.run(t, s); out != strings.Repeat("a token\n", 2) {
			t.Errorf("stdout %q, stderr %q", out, err)
		}
	})
	sub(t, "bind/two-containers-on-one-path", func(t *testing.T) {
		path := hidden(t, "shared")
		var boxes [2]*box
		for i := range boxes {
			s := spec(t, "sh", "-c", "while :; do cat "+path+"/who; sleep 0.05; done")
			source := image(t)
			write(t, source+"/who", string(rune('a'+i))+"\n", 0o644)
			s.Mounts = []specs.Mount{bind(source, path)}
			boxes[i] = shared.boot(t, s, options{})
		}
		for i, b := range boxes {
			want := string(rune('a'+i)) + "\n"
			eventually(t, "each sees its own", func() bool { return strings.Contains(b.out.String(), want) })
		}
		boxes[0].kill(syscall.SIGKILL)
		boxes[0].wait()
		boxes[0].delete()
		before := boxes[1].out.Len()
		eventually(t, "the other still sees its mount", func() bool { return boxes[1].out.Len() > before+20 })
		if strings.Trim(boxes[1].out.String(), "b\n") != "" {
			t.Errorf("stdout %q", boxes[1].out)
		}
		if boxes[1].err.Len() != 0 {
			t.Errorf("stderr %q", boxes[1].err)
		}
		boxes[1].kill(syscall.SIGKILL)
		boxes[1].wait()
		boxes[1].delete()
	})
	sub(t, "bind/a-link-of-the-image-leads-nowhere", func(t *testing.T) {
		path := filepath.Join(hidden(t, "out"), "here")
		place := filepath.Dir(path)
		s := spec(t, "sh", "-c", "cat /hpc/tmp/here/data/hello "+path+"/data/hello")
		if err := os.MkdirAll(filepath.Join(s.Root.Path, filepath.Dir(place)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/tmp", filepath.Join(s.Root.Path, place)); err != nil {
			t.Fatal(err)
		}
		s.Mounts = []specs.Mount{bind(image(t), path)}
		if _, out, err := shared.run(t, s); out != strings.Repeat("hello from the image\n", 2) {
			t.Errorf("stdout %q, stderr %q", out, err)
		}
		if _, err := os.Lstat("/tmp/here"); err == nil {
			t.Error("a mount point was made outside of the volume")
		}
	})
	sub(t, "bind/rootfs-location", func(t *testing.T) {
		place := filepath.Join("/", "hp-e2e-"+newID(t))
		s := spec(t, "sh", "-c", "pwd; cat data/hello")
		s.Annotations[rootLocation] = place
		_, out, err := shared.run(t, s)
		if out != place+"\nhello from the image\n" {
			t.Errorf("stdout %q, stderr %q", out, err)
		}
		if _, err := os.Lstat(place); err == nil {
			t.Errorf("%s is still there", place)
			_ = os.Remove(place)
		}
	})
	sub(t, "symlink/the-volume-is-below-hpc-for-all", func(t *testing.T) {
		source := image(t)
		s := spec(t, "sh", "-c", "pwd; cat .$0/data/hello; echo ready; read x", "/some/where")
		s.Annotations[mountBehavior] = "symlink"
		s.Mounts = []specs.Mount{bind(source, "/some/where")}
		b := shared.boot(t, s, options{stdin: &late{}})
		eventually(t, "it has read", func() bool { return strings.Contains(b.out.String(), "ready") })
		if want := "/hpc/" + b.id + "\nhello from the image\nready\n"; b.out.String() != want {
			t.Errorf("stdout %q, stderr %q", b.out, b.err)
		}
		if _, err := os.Stat("/hpc/" + b.id + "/some/where/data/hello"); err != nil {
			t.Error("the host does not see the volume: ", err)
		}
		b.kill(syscall.SIGKILL)
		b.wait()
		b.delete()
		if _, err := os.Lstat("/hpc/" + b.id); err == nil {
			t.Error("the volume is still there after delete")
		}
		if _, err := os.Stat(source + "/data/hello"); err != nil {
			t.Error("the mounted data is gone: ", err)
		}
	})
	sub(t, "the-mounts-of-the-Create-request", func(t *testing.T) {
		lower, work := image(t), image(t)
		rootfs := []mount.Mount{{Type: "overlay", Source: "overlay", Options: []string{
			"lowerdir=" + lower, "upperdir=" + work + "/data", "workdir=" + work + "/etc"}}}
		s := spec(t, "sh", "-c", "cat data/hello; echo new > written")
		_ = os.Remove(work + "/data/hello")
		s.Root.Path = "rootfs"
		b := shared.boot(t, s, options{newTask: []containerd.NewTaskOpts{containerd.WithRootFS(rootfs)}})
		b.wait()
		b.delete()
		if b.out.String() != "hello from the image\n" {
			t.Errorf("stdout %q, stderr %q", b.out, b.err)
		}
		if data, err := os.ReadFile(work + "/data/written"); err != nil || string(data) != "new\n" {
			t.Errorf("the upper layer has %q, %v", data, err)
		}
	})
	sub(t, "working-directories", func(t *testing.T) {
		for cwd, place := range workingDirectories() {
			s := spec(t, "pwd")
			s.Process.Cwd = cwd
			if _, out, err := shared.run(t, s); out != place(volume(s))+"\n" {
				t.Errorf("cwd %q: stdout %q, stderr %q", cwd, out, err)
			}
		}
	})
}

func TestAccounts(t *testing.T) {
	run := func(t *testing.T, username string) string {
		s := spec(t, "sh", "-c", "id -u; id -g; id -G")
		s.Process.User = specs.User{Username: username}
		_, out, err := shared.run(t, s)
		if err != "" {
			t.Errorf("%s: stderr %q", username, err)
		}
		return out
	}
	sub(t, "services", func(t *testing.T) {
		for username, want := range map[string]string{
			`NT AUTHORITY\SYSTEM`: "0\n0\n0\n", `nt authority\Local service`: "65534\n65534\n65534\n", "LocalService": "65534\n65534\n65534\n",
			"Network Service": "65533\n65533\n65533\n", "S-1-5-18": "0\n0\n0\n", "root": "0\n0\n0\n"} {
			if got := run(t, username); got != want {
				t.Errorf("%s: %q", username, got)
			}
		}
	})
	sub(t, "a-local-group-gets-a-fresh-uid", func(t *testing.T) {
		s := spec(t, "sh", "-c", "id -u; id -gn; sleep 1000")
		s.Process.User = specs.User{Username: "daemon"}
		one, two := shared.boot(t, s, options{}), shared.boot(t, s, options{})
		eventually(t, "both speak", func() bool {
			return strings.Count(one.out.String(), "\n") == 2 && strings.Count(two.out.String(), "\n") == 2
		})
		a, b := strings.Fields(one.out.String()), strings.Fields(two.out.String())
		if a[0] == b[0] || a[0] == "0" || a[1] != "daemon" || b[1] != "daemon" {
			t.Errorf("%q and %q", a, b)
		}
	})
	sub(t, "numbers", func(t *testing.T) {
		s := spec(t, "sh", "-c", "id -u; id -g; id -G")
		s.Process.User = specs.User{UID: 1234, GID: 2345, AdditionalGids: []uint32{3456}}
		if _, out, _ := shared.run(t, s); out != "1234\n2345\n2345 3456\n" {
			t.Errorf("%q", out)
		}
	})
	sub(t, "inherit", func(t *testing.T) {
		command, want := showsAccount()
		s := spec(t, command...)
		s.Process.User = specs.User{Username: "nobody-knows-me"}
		s.Annotations[inheritUser] = "true"
		if _, out, _ := shared.run(t, s); out != want {
			t.Errorf("%q, not %q", out, want)
		}
	})
	sub(t, "an-exec-runs-as-its-container", func(t *testing.T) {
		s := spec(t, "sleep", "1000")
		s.Process.User = specs.User{Username: "LocalService"}
		b := shared.boot(t, s, options{})
		_, out, _, err := b.tryExec(&specs.Process{Args: []string{"id", "-u"}, Cwd: "/", User: specs.User{UID: 0}}, nil)
		if err != nil || out != "65534\n" {
			t.Errorf("%q, %v", out, err)
		}
	})
}
