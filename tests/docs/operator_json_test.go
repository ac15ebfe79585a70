package docs

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// answer runs a command with -o json: its exit status, and the document that it
// prints, which is what the schema says.
func answer(t *testing.T, schema string, arguments ...string) (int, map[string]any) {
	t.Helper()
	compiled, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "docs", schema))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program(t, "DOCS_SHIM"), arguments...).Output()
	status := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(out)))
	if err == nil {
		err = compiled.Validate(document)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", arguments, err, out)
	}
	return status, document.(map[string]any)
}

// number is that of a document, which keeps its numbers as text.
func number(value any) int {
	text, _ := value.(json.Number)
	n, err := text.Int64()
	if err != nil {
		return -1
	}
	return int(n)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// gc finds what dead shims left, removes what it can, says of the rest why not, and
// leaves alone what a living shim holds, which here is this test.
func TestGCSchema(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("HOSTPROCESS_STATE_DIR", filepath.Join(folder, "ledger"))
	bundles := filepath.Join(folder, "state", "io.containerd.runtime.v2.task", "docs-gc")
	for id, kind := range map[string]string{"dead": "uid", "stuck": "of another version", "held": "uid"} {
		owner := `{"namespace": "docs-gc", "id": "` + id + `", "bundle": "` + filepath.Join(bundles, id) + `", "boot": ""}`
		write(t, filepath.Join(bundles, id, "hostprocess.journal"), `{"kind": "`+kind+`", "uid": 2000000000, "owner": `+owner+"}\n")
	}
	write(t, filepath.Join(folder, "sockets", "dead.lock"), "")
	held, err := os.Open(filepath.Join(bundles, "held", "hostprocess.journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}

	gc := func(want int, more ...string) (items []string) {
		t.Helper()
		status, document := answer(t, "gc.schema.json", append([]string{"gc", "-o", "json", "--namespace", "docs-gc",
			"--state", filepath.Join(folder, "state"), "--sockets", filepath.Join(folder, "sockets")}, more...)...)
		if status != want {
			t.Errorf("gc %s: status %d: %v", more, status, document)
		}
		if living := document["living"].([]any); !slices.Contains(living, any(filepath.Join(bundles, "held"))) {
			t.Errorf("gc %s: no living shim holds what this test holds: %v", more, document)
		}
		for _, item := range document["items"].([]any) {
			member := func(name string) string {
				text, _ := item.(map[string]any)[name].(string)
				return text
			}
			if (member("error") != "") != (member("status") == "failed") || (member("kind") == "bundle") != strings.HasPrefix(member("owner"), "docs-gc/") {
				t.Errorf("gc %s: %v", more, item)
			}
			items = append(items, member("status")+" "+member("kind")+" "+filepath.Base(member("name")))
		}
		slices.Sort(items)
		return items
	}
	for _, turn := range []struct {
		status  int
		options []string
		want    []string
	}{
		{0, []string{"--dry-run"}, []string{"found address dead", "found bundle dead", "found bundle stuck"}},
		{1, nil, []string{"failed bundle stuck", "removed address dead", "removed bundle dead"}},
		{1, nil, []string{"failed bundle stuck"}},
	} {
		if got := gc(turn.status, turn.options...); !slices.Equal(got, turn.want) {
			t.Errorf("gc %s: %q, not %q", turn.options, got, turn.want)
		}
	}
	if err := os.RemoveAll(filepath.Join(bundles, "stuck")); err != nil {
		t.Fatal(err)
	}
	if got := gc(0); len(got) != 0 {
		t.Errorf("gc finds %q where nothing is left", got)
	}
}

// doctor, with a configuration that has the runtime, one that lacks it, and none.
func TestDoctorSchema(t *testing.T) {
	folder := t.TempDir()
	table := "version = 3\n[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.hostprocess]\nruntime_type = \"io.containerd.hostprocess.v1\"\n"
	write(t, filepath.Join(folder, "has.toml"), table)
	write(t, filepath.Join(folder, "lacks.toml"), "version = 3\n")
	write(t, filepath.Join(folder, "wrong.toml"), "version = \n")
	for _, name := range []string{"has.toml", "lacks.toml", "wrong.toml", "none.toml"} {
		status, document := answer(t, "doctor.schema.json", "doctor", "-o", "json", "--containerd-config", filepath.Join(folder, name))
		problems, warnings := 0, 0
		for _, item := range document["findings"].([]any) {
			finding := item.(map[string]any)
			_, remedy := finding["remedy"]
			if remedy != (finding["status"] != "ok") {
				t.Errorf("%s: %v", name, finding)
			}
			switch finding["status"] {
			case "problem":
				problems++
			case "warning":
				warnings++
			}
		}
		if number(document["problems"]) != problems || number(document["warnings"]) != warnings || (status == 1) != (problems > 0) {
			t.Errorf("%s: status %d: %v", name, status, document)
		}
		if name != "has.toml" && problems == 0 {
			t.Errorf("%s: doctor has nothing against it: %v", name, document)
		}
	}
}
