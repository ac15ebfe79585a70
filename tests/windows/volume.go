//go:build windows

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"hostprocess-shim/tests/windows/commands"
	"hostprocess-shim/tests/windows/suite"
)

const tokens = `/var/run/secrets/kubernetes.io/serviceaccount`

func volumeCases(n *node) []suite.Case {
	var all []suite.Case
	add := func(name, row string, run func(*suite.T)) {
		all = append(all, suite.Case{Name: "volume/" + name, Row: row, Run: run})
	}
	add("silo", `4: bind: C:\hpc is the same path in every container, seen only inside it`, n.siloOnly)
	add("links", `4: symlink: C:\hpc\<container id>, seen by the whole host`, n.linked)
	add("location", "4: hostprocess-rootfs-location, both behaviours", n.location)
	add("working-directory", "4: default working directory: the container volume", func(t *suite.T) {
		for _, behavior := range []string{"bind", "symlink"} {
			spec := n.spec(t, systemUser, `cmd.exe /d /c cd& echo %CONTAINER_SANDBOX_MOUNT_POINT%`)
			spec.Annotations[mountBehavior] = behavior
			_, out := n.run(t, spec)
			if lines := strings.Fields(out); len(lines) != 2 || !strings.EqualFold(lines[0], lines[1]) {
				t.Errorf("%s: %q", behavior, out)
			}
		}
	})
	add("mounts", "4: a mount at P exactly, only in this container, and under the volume; files and directories", n.mounts)
	add("read-only", "4: read-only mounts are enforced (bind)", n.readOnly)
	add("tokens/bind", "4: service account tokens at the four paths", func(t *suite.T) {
		n.tokens(t, "bind", `c:`+strings.ReplaceAll(tokens, "/", `\`)+`\token`, `\var\run\secrets\kubernetes.io\serviceaccount\token`,
			`.\var\run\secrets\kubernetes.io\serviceaccount\token`, "%"+commands.MountPoint+`%\var\run\secrets\kubernetes.io\serviceaccount\token`)
	})
	add("tokens/symlink", "4: service account tokens at the two paths of symlink", func(t *suite.T) {
		n.tokens(t, "symlink", `.\var\run\secrets\kubernetes.io\serviceaccount\token`,
			"%"+commands.MountPoint+`%\var\run\secrets\kubernetes.io\serviceaccount\token`)
	})
	add("pipe-mount", "1: mounts of named pipes are refused", func(t *suite.T) {
		spec := n.spec(t, systemUser, `cmd.exe /c ver`)
		spec.Mounts = []specs.Mount{{Source: n.pipe, Destination: n.pipe}}
		n.refused(t, spec, "host path")
	})
	add("socket-mount", "1: mounts of Unix sockets are refused (VM: tag 0x80000023)", n.socketMount)
	add("junction", "4: a mount point never follows a junction of the image out of the volume", n.junction)
	return all
}

func (n *node) siloOnly(t *suite.T) {
	var boxes []*box
	for range 2 {
		spec := n.spec(t, systemUser, `bin\tool.exe sleep 600`)
		spec.Annotations[mountBehavior] = "bind"
		boxes = append(boxes, n.boot(t, spec))
	}
	for _, b := range boxes {
		_, out, err := b.exec(`cmd.exe /d /c type C:\hpc\motd`, false)
		if want := "a file of " + filepath.Base(b.spec.Root.Path); err != nil || out != want {
			t.Errorf("in the container: %q, not %q (%v)", out, want, err)
		}
	}
	if _, err := os.Stat(`C:\hpc\motd`); err == nil {
		t.Errorf(`the host sees C:\hpc\motd`)
	}
}

func (n *node) linked(t *suite.T) {
	spec := n.spec(t, systemUser, `bin\tool.exe sleep 600`)
	spec.Annotations[mountBehavior] = "symlink"
	b := n.boot(t, spec)
	seen := `C:\hpc\` + b.container.ID()
	if _, err := os.Stat(seen + `\motd`); err != nil {
		t.Errorf("the host does not see it: %v", err)
	}
	b.remove()
	t.Eventually(seen+" is gone", func() bool { _, err := os.Lstat(seen); return os.IsNotExist(err) })
}

func (n *node) location(t *suite.T) {
	for _, behavior := range []string{"bind", "symlink"} {
		spec := n.spec(t, systemUser, `cmd.exe /d /c echo %CONTAINER_SANDBOX_MOUNT_POINT%`)
		spec.Annotations[mountBehavior], spec.Annotations[rootLocation] = behavior, `C:\kit-location`
		_, out := n.run(t, spec)
		if got := strings.TrimSpace(out); got != `C:\kit-location` && (behavior == "bind" || !strings.HasPrefix(got, `C:\kit-location\`)) {
			t.Errorf("%s: the volume is at %q", behavior, got)
		}
	}
}

// folder makes a folder with one file in it, to be mounted.
func (n *node) folder(t *suite.T, file, content string) string {
	dir, err := os.MkdirTemp(n.dir, "mount-")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	return dir
}

func (n *node) mounts(t *suite.T) {
	dir := n.folder(t, "inside", "mounted")
	spec := n.spec(t, systemUser, `bin\tool.exe sleep 600`)
	spec.Annotations[mountBehavior] = "bind"
	spec.Mounts = []specs.Mount{{Source: dir, Destination: `C:\kit\folder`}, {Source: filepath.Join(dir, "inside"), Destination: `C:\kit\file`}}
	b := n.boot(t, spec)
	for _, path := range []string{`C:\kit\folder\inside`, `C:\kit\file`, `C:\hpc\kit\folder\inside`, `C:\hpc\kit\file`} {
		if _, out, err := b.exec(`cmd.exe /d /c type `+path, false); err != nil || out != "mounted" {
			t.Errorf("%s: %q, %v", path, out, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("the host sees %s", path)
		}
	}
	b.remove()
	t.Eventually(`C:\kit is gone`, func() bool { _, err := os.Lstat(`C:\kit`); return os.IsNotExist(err) })
}

func (n *node) readOnly(t *suite.T) {
	closed, open := n.folder(t, "inside", "x"), n.folder(t, "inside", "x")
	spec := n.spec(t, systemUser, `bin\tool.exe sleep 600`)
	spec.Annotations[mountBehavior] = "bind"
	spec.Mounts = []specs.Mount{{Source: closed, Destination: `C:\kit-ro`, Options: []string{"ro"}}, {Source: open, Destination: `C:\kit-rw`}}
	b := n.boot(t, spec)
	if code, out, err := b.exec(`cmd.exe /d /c echo new> C:\kit-ro\new`, false); err != nil || code == 0 {
		t.Errorf("the read-only mount can be written: %d, %q, %v", code, out, err)
	}
	if code, out, err := b.exec(`cmd.exe /d /c echo new> C:\kit-rw\new`, false); err != nil || code != 0 {
		t.Errorf("the other mount cannot be written: %d, %q, %v", code, out, err)
	}
	if _, err := os.Stat(filepath.Join(closed, "new")); err == nil {
		t.Errorf("a file was made through the read-only mount")
	}
}

func (n *node) tokens(t *suite.T, behavior string, paths ...string) {
	for _, path := range paths {
		spec := n.spec(t, systemUser, `cmd.exe /d /c type `+path)
		spec.Annotations[mountBehavior] = behavior
		spec.Mounts = []specs.Mount{{Source: n.folder(t, "token", "the token"), Destination: tokens, Options: []string{"ro"}}}
		if code, out := n.run(t, spec); code != 0 || out != "the token" {
			t.Errorf("%s: %d, %q", path, code, out)
		}
	}
}

func (n *node) socketMount(t *suite.T) {
	socket := n.path("kit.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Skipf("this Windows has no Unix sockets: %v", err)
	}
	defer listener.Close()
	spec := n.spec(t, systemUser, `cmd.exe /c ver`)
	spec.Mounts = []specs.Mount{{Source: socket, Destination: `C:\kit.sock`}}
	n.refused(t, spec, "host path")
}

func (n *node) junction(t *suite.T) {
	outside := n.folder(t, "inside", "x")
	spec := n.spec(t, systemUser, `cmd.exe /c ver`)
	spec.Annotations[mountBehavior] = "symlink"
	host(t, "cmd.exe", "/d", "/c", "mklink", "/j", filepath.Join(spec.Root.Path, "trap"), outside)
	spec.Mounts = []specs.Mount{{Source: n.folder(t, "y", "y"), Destination: `C:\trap\deep`}}
	if b, err := n.create(t, spec); err == nil {
		_ = b.task.Start(b.ctx)
		b.wait()
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("something was made outside of the volume: %v, %v", entries, err)
	}
}
