package main

import (
	"os"
	"path/filepath"
	"testing"
)

func row1(t *testing.T) *row {
	t.Helper()
	c, err := parseRows("rows.txt", `== 1 A
1.1 A promise.
  unit host_linux_walk: a
  unit host_windows_walk: b
  unit spec_rules: c
  break src/host/linux/walk.c
  - x
  + y
  break src/host/windows/walk.c
  - x
  + y
  break src/spec/rules.c
  - x
  + y
`)
	if err != nil {
		t.Fatal(err)
	}
	return c.rows()[0]
}

func TestARuleIsSeenWhereItIsBuilt(t *testing.T) {
	r := row1(t)
	for i, want := range []string{"dev host_linux_walk, dev spec_rules, ", "windows host_windows_walk, windows spec_rules, ",
		"dev host_linux_walk, dev spec_rules, windows host_windows_walk, "} {
		got := ""
		for _, st := range stages(r, r.breaks[i]) {
			got += st.where + " " + st.program + ", "
		}
		if got != want {
			t.Errorf("%s: %s", r.breaks[i].file, got)
		}
	}
	if lot := (rule{r, 1}).lot(); lot != "scratch-windows" {
		t.Error(lot)
	}
}

func TestWhatAProofRestsOn(t *testing.T) {
	for file, want := range map[string]bool{"src/main.c": true, "tests/unit/host_linux_walk.c": true, "tests/unit/support.c": true,
		"tests/unit/programs/logger.c": true, "tests/unit/walk.h": true, "tests/winsim/nt.c": true, "CMakeLists.txt": true,
		"tests/unit/spec_oci.c": false, "tests/e2e/run_test.go": false, "docs/a.json": false, "src/README.md": false, "scripts/e2e.sh": false} {
		if got := restsOn(row1(t), file); got != want {
			t.Errorf("%s: %v", file, got)
		}
	}
}

// A run that continues leaves out what was seen of the same sources, and no more.
func TestWhatWasSeenIsRemembered(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	open := func(keep bool) *proved {
		p, err := openProved(root, []string{"src/a.c", "docs/a.md"}, keep)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.file.Close() })
		return p
	}
	write("build/conformance/x", "")
	write("src/a.c", "one")
	r := rule{row1(t), 0}
	if err := open(true).add(r, "a test"); err != nil {
		t.Fatal(err)
	}
	write("docs/a.md", "of no matter")
	if p := open(true); !p.has(r) || p.has(rule{r.row, 1}) {
		t.Error("it is forgotten, or another is known")
	}
	write("src/a.c", "two")
	if open(true).has(r) {
		t.Error("the source is another, and the proof is believed")
	}
	write("src/a.c", "one")
	if open(false).has(r) || open(true).has(r) {
		t.Error("a run from the start leaves something out")
	}
}
