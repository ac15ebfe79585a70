package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// verb runs one of the shim's verbs for people: exit status, stdout, stderr.
func verb(t *testing.T, stdin string, arguments ...string) (int, string, string) {
	t.Helper()
	command := exec.Command(filepath.Join(os.Getenv("HP_SHIM_DIR"), shimName), arguments...)
	var out, said bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &out, &said
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), out.String(), said.String()
}

// refusal is the first thing that validate has against a specification, asked on
// this node; "": nothing.
func refusal(t *testing.T, s *specs.Spec) string {
	t.Helper()
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	status, out, said := verb(t, string(data), "validate", "-o", "json", "--on-this-node", "-")
	var report struct {
		Files []struct {
			Error string
			Pods  []struct {
				Refusals   []struct{ Message string }
				Containers []struct{ Refusals []struct{ Message string } }
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Files) != 1 {
		t.Fatalf("status %d: %v\n%s%s", status, err, out, said)
	}
	file := report.Files[0]
	if file.Error != "" {
		return file.Error
	}
	refusals := file.Pods[0].Refusals
	for _, container := range file.Pods[0].Containers {
		refusals = append(refusals, container.Refusals...)
	}
	if len(refusals) > 0 {
		return refusals[0].Message
	}
	return ""
}

const ping = `apiVersion: v1
kind: Pod
metadata:
  name: ping
spec:
  hostNetwork: true
  nodeSelector:
    kubernetes.io/os: windows
  securityContext:
    windowsOptions:
      hostProcess: true
      runAsUserName: 'NT AUTHORITY\Local service'
  containers:
  - name: ping
    image: registry.example/tools:1
    command: [ping, -t, 127.0.0.1]
`

func TestValidate(t *testing.T) {
	dir := image(t)
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		write(t, path, text, 0o644)
		return path
	}
	good := file("good.yaml", ping)
	refused := file("refused.yaml", strings.Replace(ping, "hostNetwork: true", "hostNetwork: false", 1))
	broken := file("broken.yaml", "a: [")
	sub(t, "statuses", func(t *testing.T) {
		for _, c := range []struct {
			files  []string
			status int
		}{
			{[]string{good}, 0}, {[]string{good, good}, 0}, {[]string{refused}, 1}, {[]string{good, refused}, 1},
			{[]string{broken, refused}, 2}, {[]string{good, filepath.Join(dir, "none")}, 2}, {[]string{dir}, 2}, {nil, 2},
		} {
			if status, out, said := verb(t, "", append([]string{"validate"}, c.files...)...); status != c.status {
				t.Errorf("%s: status %d, not %d\n%s%s", c.files, status, c.status, out, said)
			}
		}
	})
	sub(t, "what-comes-out", func(t *testing.T) {
		status, out, said := verb(t, ping, "validate", "-")
		want := `(standard input): Pod ping, line 1: accepted
  container ping, line 14: accepted
    user          NT AUTHORITY\LOCAL SERVICE: service logon, no password
    volume        C:\hpc (bind, chosen by the host; else symlink, C:\hpc\<container id>)
    mount         service account token, made by kubelet at C:\var\run\secrets\kubernetes.io\serviceaccount and C:\hpc\var\run\secrets\kubernetes.io\serviceaccount (read-only)
    command line  ping -t 127.0.0.1
    directory     C:\hpc
    environment   CONTAINER_SANDBOX_MOUNT_POINT=C:\hpc
    open question: whether the node can bind; where it cannot, the mount behavior is symlink
`
		if strings.ReplaceAll(out, "\r\n", "\n") != want || status != 0 || said != "" {
			t.Errorf("status %d\n%s%s", status, out, said)
		}
	})
	sub(t, "why-not", func(t *testing.T) {
		_, out, _ := verb(t, "", "validate", refused)
		if !strings.Contains(out, "spec.hostNetwork is false: a HostProcess container uses the host's network, set hostNetwork: true in the pod") {
			t.Errorf("%s", out)
		}
		_, out, _ = verb(t, "", "validate", broken)
		if !strings.Contains(out, "is not valid YAML: line 2 column 1") {
			t.Errorf("%s", out)
		}
	})
	sub(t, "json", func(t *testing.T) {
		status, out, said := verb(t, "", "validate", "-o", "json", good, refused, broken)
		var report struct {
			Verdict string
			Files   []struct{ File, Verdict string }
		}
		if err := json.Unmarshal([]byte(out), &report); err != nil || status != 2 || said != "" {
			t.Fatalf("status %d, %v\n%s%s", status, err, out, said)
		}
		if report.Verdict != "unreadable" || len(report.Files) != 3 || report.Files[0].Verdict != "accepted" ||
			report.Files[1].Verdict != "refused" || report.Files[2].Verdict != "unreadable" || report.Files[0].File != good {
			t.Errorf("%+v", report)
		}
	})
	sub(t, "policy", func(t *testing.T) {
		policy := file("policy.json", `{"accounts": ["hpc-proxies"]}`)
		status, out, _ := verb(t, "", "validate", "--policy", policy, good)
		if status != 1 || !strings.Contains(out, `is not allowed by "accounts"`) {
			t.Errorf("status %d\n%s", status, out)
		}
	})
}

// What validate accepts on a node can be created there.
func TestValidatedIsCreated(t *testing.T) {
	for name, change := range map[string]func(s *specs.Spec){
		"as-it-is":          func(*specs.Spec) {},
		"inherit":           func(s *specs.Spec) { s.Annotations[inheritUser] = "true" },
		"symlink":           func(s *specs.Spec) { s.Annotations[mountBehavior] = "symlink" },
		"a-working-folder":  func(s *specs.Spec) { s.Process.Cwd = "data" },
		"a-memory-limit":    func(s *specs.Spec) { limitMemory(s, 256<<20) },
		"a-variable":        func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "A=$CONTAINER_SANDBOX_MOUNT_POINT") },
		"hostname-and-more": func(s *specs.Spec) { s.Hostname = "h" },
	} {
		sub(t, name, func(t *testing.T) {
			s := spec(t, "true")
			change(s)
			if why := refusal(t, s); why != "" {
				t.Fatal(why)
			}
			b, err := shared.create(t, s, options{})
			if err != nil {
				t.Fatal(err)
			}
			b.remove()
		})
	}
}
