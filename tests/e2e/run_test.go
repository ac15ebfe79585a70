package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
)

// What `ctr run` does: create, start, read, wait, delete.
func TestRun(t *testing.T) {
	sub(t, "output-and-exit-code", func(t *testing.T) {
		status, out, err := shared.run(t, spec(t, "sh", "-c", "echo to stdout; echo to stderr >&2; exit 7"))
		if status != 7 || out != "to stdout\n" || err != "to stderr\n" {
			t.Errorf("status %d, stdout %q, stderr %q", status, out, err)
		}
	})
	sub(t, "killed-by-a-signal", func(t *testing.T) {
		status, _, _ := shared.run(t, spec(t, "sh", "-c", "kill -TERM $$"))
		if status != 143 {
			t.Errorf("status %d, not 143", status)
		}
	})
	sub(t, "the-volume-is-the-working-directory", func(t *testing.T) {
		s := spec(t, "sh", "-c", "pwd; cat data/hello; echo \"$CONTAINER_SANDBOX_MOUNT_POINT\"")
		_, out, err := shared.run(t, s)
		if out != volume(s)+"\nhello from the image\n"+volume(s)+"\n" {
			t.Errorf("stdout %q, stderr %q", out, err)
		}
	})
	sub(t, "a-program-of-the-image-by-absolute-path", func(t *testing.T) {
		status, out, _ := shared.run(t, spec(t, "/bin/of-the-image", "a", "b c"))
		if status != 0 || out != "image program: a b c\n" {
			t.Errorf("status %d, stdout %q", status, out)
		}
	})
	sub(t, "a-program-of-the-image-by-PATH", func(t *testing.T) {
		_, out, _ := shared.run(t, spec(t, "of-the-image", "x"))
		if out != "image program: x\n" {
			t.Errorf("stdout %q", out)
		}
	})
	// The contract's table of commands, as far as both systems have it. All of them
	// start the image's program, whichever way the volume appears.
	sub(t, "commands", func(t *testing.T) {
		const variable = "CONTAINER_SANDBOX_MOUNT_POINT"
		rows := []struct{ program, cwd string }{
			{"of-the-image", ""}, {"bin/of-the-image", ""}, {"bin/of-the-image", "%" + variable + "%"}, {"./bin/of-the-image", "$env:" + variable},
			{"%" + variable + "%/bin/of-the-image", ""}, {"$env:" + variable + "/bin/of-the-image", ""},
			{"${env:" + variable + "}/bin/of-the-image", ""}, {"$" + variable + "/bin/of-the-image", ""},
			{"%" + strings.ToLower(variable) + "%/bin/of-the-image", ""}, {"./of-the-image", "%" + variable + "%/bin"},
			{"./of-the-image", "${env:" + variable + "}/bin/"}, {"/bin/of-the-image", ""}, {"/bin/of-the-image", "bin"},
		}
		for _, behavior := range behaviors {
			for _, row := range rows {
				s := spec(t, row.program, "an argument", "$"+variable)
				if row.cwd != "" {
					s.Process.Cwd = row.cwd
				}
				if behavior != "" {
					s.Annotations[mountBehavior] = behavior
				}
				b := shared.boot(t, s, options{})
				status := b.wait()
				place := volume(s)
				if behavior == "symlink" {
					place += "/" + b.id
				}
				if want := "image program: an argument " + place + "\n"; status != 0 || b.out.String() != want {
					t.Errorf("%q in %q, %s: status %d, stdout %q, stderr %q", row.program, row.cwd, behavior, status, b.out, b.err)
				}
				b.delete()
			}
		}
	})
	sub(t, "the-host-is-visible", func(t *testing.T) {
		script, want := seesHost()
		if _, out, err := shared.run(t, spec(t, "sh", "-c", script)); strings.ReplaceAll(out, "\r\n", "\n") != want {
			t.Errorf("stdout %q, stderr %q", out, err)
		}
	})
	sub(t, "environment", func(t *testing.T) {
		s := spec(t, "sh", "-c", "echo \"$A\" \"$B\"")
		s.Process.Env = append(s.Process.Env, "A=one", "B=$CONTAINER_SANDBOX_MOUNT_POINT/two", "A=last")
		_, out, _ := shared.run(t, s)
		if out != "last "+volume(s)+"/two\n" {
			t.Errorf("stdout %q", out)
		}
	})
	sub(t, "missing-program", func(t *testing.T) {
		b, err := shared.create(t, spec(t, "no-such-program", "x"), options{})
		if err != nil {
			t.Fatal(err)
		}
		err = b.task.Start(b.ctx)
		if err == nil || !strings.Contains(err.Error(), "no-such-program") || !errdefs.IsNotFound(err) {
			t.Errorf("start of a missing program: %v", err)
		}
	})
	sub(t, "not-executable", func(t *testing.T) {
		name, reason := noProgram()
		s := spec(t, "./"+name)
		s.Process.Cwd = volume(s)
		write(t, filepath.Join(s.Root.Path, name), "no program\n", 0o644)
		b, err := shared.create(t, s, options{})
		if err != nil {
			t.Fatal(err)
		}
		if err = b.task.Start(b.ctx); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), reason) {
			t.Errorf("start of a file without execute bit: %v", err)
		}
	})
	sub(t, "fifty-one-after-another-leave-nothing", func(t *testing.T) {
		for range 50 {
			if status, _, _ := shared.run(t, spec(t, "true")); status != 0 {
				t.Fatalf("status %d", status)
			}
		}
		if left := shared.leftovers(); left != "" {
			t.Errorf("left behind:\n%s", left)
		}
	})
}
