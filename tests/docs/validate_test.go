package docs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// validate gives a file to the shim's verb: its exit status, and all that it says.
func validate(t *testing.T, arguments ...string) (int, string) {
	t.Helper()
	command := exec.Command(program(t, "DOCS_SHIM"), append([]string{"validate"}, arguments...)...)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	err := command.Run()
	if err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), said.String()
}

func manifests(t *testing.T, folder string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(root, "docs", "examples", folder, "*.yaml"))
	if err != nil || len(list) < 4 {
		t.Fatalf("%d manifests in %s: %v", len(list), folder, err)
	}
	return list
}

func TestPodsAreAccepted(t *testing.T) {
	for _, path := range manifests(t, "pods") {
		if status, said := validate(t, path); status != 0 {
			t.Errorf("%s: status %d\n%s", path, status, said)
		}
	}
}

// Each says in its first line with what words it is refused, and by no others.
func TestPodsAreRefused(t *testing.T) {
	for _, path := range manifests(t, "pods/refused") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(string(data), "\n")
		reason, found := strings.CutPrefix(line, "# refused: ")
		if status, said := validate(t, path); !found || status != 1 || !strings.Contains(oneLine(said), reason) {
			t.Errorf("%s: status %d, not %q\n%s", path, status, reason, said)
		}
	}
}

// oneLine undoes the breaking of lines.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Which of the pods each of the policies lets run.
func TestPoliciesAllow(t *testing.T) {
	allowed := map[string][]string{
		"open.json":        {"group-daemonset", "group-made-by-init", "kube-proxy", "ping", "small-reporter"},
		"typical.json":     {"group-daemonset", "kube-proxy", "ping", "small-reporter"},
		"locked-down.json": {"small-reporter"},
		"developer.json":   {"ping", "small-reporter"},
	}
	for policy, want := range allowed {
		file := filepath.Join(root, "docs", "examples", "policy", policy)
		var got []string
		for _, path := range manifests(t, "pods") {
			status, said := validate(t, "--policy", file, path)
			name := strings.TrimSuffix(filepath.Base(path), ".yaml")
			switch {
			case status == 0:
				got = append(got, name)
			case status != 1 || !strings.Contains(oneLine(said), "of the node policy "+file):
				t.Errorf("%s, %s: status %d\n%s", policy, name, status, said)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s allows %q, not %q", policy, got, want)
		}
	}
}

// The blocks in the pages: ```yaml validate=ok, or validate=refused.
func TestValidateBlocks(t *testing.T) {
	statuses := map[string]int{"validate=ok": 0, "validate=refused": 1}
	count := 0
	for _, page := range pages(t) {
		for _, block := range blocks(t, page) {
			language, what, marked := strings.Cut(block.info, " ")
			want, known := statuses[what]
			if !marked || !strings.HasPrefix(what, "validate=") {
				continue
			}
			count++
			path := filepath.Join(t.TempDir(), "block."+language)
			if err := os.WriteFile(path, []byte(block.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if status, said := validate(t, path); !known || status != want {
				t.Errorf("%s: status %d\n%s", block.where, status, said)
			}
		}
	}
	if count == 0 {
		t.Error("no page has a block to be validated")
	}
}

// The sessions in the pages (```console run): each command is run in docs/, and
// prints what stands below it.
func TestConsoleBlocks(t *testing.T) {
	shim, err := filepath.Abs(program(t, "DOCS_SHIM"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, page := range pages(t) {
		for _, block := range blocks(t, page) {
			if block.info != "console run" {
				continue
			}
			count++
			for _, part := range strings.Split("\n"+block.text, "\n$ ")[1:] {
				line, want, _ := strings.Cut(part, "\n")
				command := exec.Command("sh", "-c", line)
				command.Dir = filepath.Join(root, "docs")
				command.Env = append(os.Environ(), "PATH="+filepath.Dir(shim)+":"+os.Getenv("PATH"))
				out, _ := command.CombinedOutput()
				if got := strings.TrimSuffix(string(out), "\n"); got != strings.TrimRight(want, "\n") {
					t.Errorf("%s: %s prints\n%s\nand not\n%s", block.where, line, got, want)
				}
			}
		}
	}
	if count == 0 {
		t.Error("no page has a session")
	}
}
