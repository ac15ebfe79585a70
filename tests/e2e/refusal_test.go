package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/errdefs"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// What is refused is refused in Create, and leaves nothing. The table is that of
// the error texts: each names the field, the value and the remedy.
func TestRefusals(t *testing.T) {
	cases := []struct {
		name                 string
		change               func(t *testing.T, s *specs.Spec)
		field, value, remedy string
	}{
		{"no-annotation", func(_ *testing.T, s *specs.Spec) { s.Annotations = nil },
			"annotation " + hostProcess, "absent", "set hostProcess to true"},
		{"annotation-false", func(_ *testing.T, s *specs.Spec) { s.Annotations[hostProcess] = "false" },
			"annotation " + hostProcess, "false", "set hostProcess to true or choose another runtime class"},
		{"annotation-garbage", func(_ *testing.T, s *specs.Spec) { s.Annotations[hostProcess] = "maybe" },
			`annotations["` + hostProcess + `"]`, `"maybe"`, `must be "true" or "false"`},
		{"a-network-namespace", func(_ *testing.T, s *specs.Spec) { askForNetwork(s) },
			"network", "a HostProcess container uses the host's network", "set hostNetwork: true in the pod"},
		{"a-user-namespace", func(_ *testing.T, s *specs.Spec) {
			s.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.UserNamespace}}
		}, "linux.namespaces[0]", "a user namespace", "set hostUsers to true or leave it out"},
		{"an-unknown-account", func(_ *testing.T, s *specs.Spec) { s.Process.User.Username = "nobody-knows-me" },
			"runAsUserName", `"nobody-knows-me"`, "make the group"},
		{"ContainerAdministrator", func(_ *testing.T, s *specs.Spec) { s.Process.User.Username = "ContainerAdministrator" },
			"runAsUserName", `"ContainerAdministrator"`, `set runAsUserName to NT AUTHORITY\SYSTEM`},
		{"two-backslashes", func(_ *testing.T, s *specs.Spec) { s.Process.User.Username = `a\b\c` },
			"runAsUserName", `"a\b\c"`, `write DOMAIN\name`},
		{"a-missing-source", func(_ *testing.T, s *specs.Spec) { s.Mounts = []specs.Mount{bind("/no/such/source", "/x")} },
			"mounts[0].source", "/no/such/source", "make it, or name another"},
		{"a-socket", func(t *testing.T, s *specs.Spec) {
			path := filepath.Join(image(t), "s")
			listener, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = listener.Close() })
			s.Mounts = []specs.Mount{bind(path, "/x")}
		}, "mounts[0].source", "/s\" is a Unix socket", "reach it by its host path instead"},
		{"a-named-pipe", func(_ *testing.T, s *specs.Spec) { s.Mounts = []specs.Mount{bind(`\\.\pipe\docker`, "/x")} },
			"mounts[0].source", `"\\.\pipe\docker"`, "reach it by its host path instead"},
		{"no-destination", func(_ *testing.T, s *specs.Spec) { s.Mounts = []specs.Mount{bind(os.TempDir(), "")} },
			"mounts[0].destination", "empty", "set mountPath"},
		{"no-arguments", func(_ *testing.T, s *specs.Spec) { s.Process.Args = nil },
			"process.args", "names no program", "set command or args"},
		{"a-bad-mount-behavior", func(_ *testing.T, s *specs.Spec) { s.Annotations[mountBehavior] = "copy" },
			`annotations["` + mountBehavior + `"]`, `"copy"`, `must be "bind" or "symlink"`},
	}
	for _, c := range cases {
		sub(t, c.name, func(t *testing.T) {
			s := spec(t, "true")
			c.change(t, s)
			_, err := shared.create(t, s, options{})
			if err == nil {
				t.Fatal("it was not refused")
			}
			if !errdefs.IsInvalidArgument(err) && !errdefs.IsFailedPrecondition(err) {
				t.Errorf("the code is neither InvalidArgument nor FailedPrecondition: %v", err)
			}
			if why := refusal(t, s); why == "" || !strings.Contains(err.Error(), why) {
				t.Errorf("validate --on-this-node says %q, Create %v", why, err)
			}
			for what, words := range map[string]string{"field": c.field, "value": c.value, "remedy": c.remedy} {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("the message does not name the %s (%s): %v", what, words, err)
				}
			}
		})
	}
	if left := shared.leftovers(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

func TestPolicy(t *testing.T) {
	s := own(t)
	set := func(t *testing.T, text string, mode os.FileMode) {
		t.Helper()
		write(t, s.policy, text, 0o644)
		if err := os.Chmod(s.policy, mode); err != nil {
			t.Fatal(err)
		}
	}
	sub(t, "assume-runs-what-ctr-writes", func(t *testing.T) {
		set(t, `{"hostProcess": "assume"}`, 0o644)
		script, want := seesHost()
		c := spec(t, "sh", "-c", script)
		c.Annotations = nil
		asCtr(c)
		if _, out, err := s.run(t, c); strings.ReplaceAll(out, "\r\n", "\n") != want {
			t.Errorf("stdout %q, stderr %q", out, err)
		}
	})
	sub(t, "assume-does-not-overrule-false", func(t *testing.T) {
		set(t, `{"hostProcess": "assume"}`, 0o644)
		c := spec(t, "true")
		c.Annotations[hostProcess] = "false"
		if _, err := s.create(t, c, options{}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%v", err)
		}
	})
	for name, text := range map[string]string{"broken": `{"hostProcess": `, "unknown-key": `{"hostProces": "assume"}`, "wrong-type": `{"hostProcess": true}`} {
		sub(t, name, func(t *testing.T) {
			set(t, text, 0o644)
			if _, err := s.create(t, spec(t, "true"), options{}); err == nil || !strings.Contains(err.Error(), s.policy) {
				t.Errorf("%v", err)
			}
		})
	}
	sub(t, "writable-by-others", func(t *testing.T) {
		set(t, `{}`, 0o666)
		if _, err := s.create(t, spec(t, "true"), options{}); err == nil || !strings.Contains(err.Error(), s.policy) {
			t.Errorf("%v", err)
		}
	})
	sub(t, "names-file-line-and-rule", func(t *testing.T) {
		set(t, "{\n  \"accounts\": [\"NT AUTHORITY\\\\LocalService\"],\n  \"inheritUser\": false,\n  \"rootfsLocations\": [],\n"+
			"  \"limits\": {\n    \"memory\": 1048576\n  }\n}\n", 0o644)
		refused := func(rule, line string, change func(c *specs.Spec)) {
			c := spec(t, "true")
			c.Process.User = specs.User{Username: "Local service"}
			change(c)
			want := fmt.Sprintf("%q (line %s of the node policy %s)", rule, line, s.policy)
			if _, err := s.create(t, c, options{}); !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, not %s", err, want)
			}
		}
		refused("accounts", "2", func(c *specs.Spec) { c.Process.User.Username = "SYSTEM" })
		refused("inheritUser", "3", func(c *specs.Spec) { c.Annotations[inheritUser] = "true" })
		refused("rootfsLocations", "4", func(c *specs.Spec) { c.Annotations[rootLocation] = s.dir })
		refused("limits.memory", "6", func(*specs.Spec) {})
	})
	sub(t, "judges-an-update-as-it-is-then", func(t *testing.T) {
		set(t, `{"limits": {"memory": 67108864}}`, 0o644)
		c := spec(t, "sleep", "1000")
		limitMemory(c, 64<<20)
		b := s.boot(t, c, options{})
		update := func(bytes int64) error { return b.task.Update(b.ctx, containerd.WithResources(memoryOf(bytes))) }
		want := "\"limits.memory\" (line 1 of the node policy " + s.policy + ") allows"
		if err := update(128 << 20); !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, not %s", err, want)
		}
		if err := update(48 << 20); err != nil {
			t.Error(err)
		}
		set(t, `{}`, 0o644)
		if err := update(128 << 20); err != nil {
			t.Error(err)
		}
	})
	sub(t, "is-read-anew-for-each-create", func(t *testing.T) {
		set(t, `{"accounts": []}`, 0o644)
		if _, err := s.create(t, spec(t, "true"), options{}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("an empty list of accounts allows: %v", err)
		}
		set(t, `{}`, 0o644)
		if _, err := s.create(t, spec(t, "true"), options{}); err != nil {
			t.Error(err)
		}
	})
	set(t, `{}`, 0o644)
}
