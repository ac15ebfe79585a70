package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// proved are the rules that were seen red, in build/conformance/proved-rows.txt:
// a key, the row and the test that saw it. The key is of all that the proof rests
// on: the product's sources, the row's tests and what they share, and the break.
type proved struct {
	files []string
	sums  map[string]string // of the files, as the run began
	keys  map[string]bool
	file  *os.File
}

// checkedOut is what git knows of the checkout, or would.
func checkedOut(root string) ([]string, error) {
	listed, err := exec.Command("git", "-C", root, "ls-files", "-z", "-co", "--exclude-standard").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	files := strings.FieldsFunc(string(listed), func(c rune) bool { return c == 0 })
	sort.Strings(files)
	return files, nil
}

func openProved(root string, files []string, keep bool) (*proved, error) {
	p := &proved{files: files, keys: map[string]bool{}, sums: map[string]string{}}
	for _, name := range files {
		data, _ := os.ReadFile(filepath.Join(root, name)) // removed, but not committed: empty
		sum := sha256.Sum256(data)
		p.sums[name] = hex.EncodeToString(sum[:])
	}
	flags := os.O_CREATE | os.O_RDWR | os.O_APPEND
	if !keep {
		flags |= os.O_TRUNC
	}
	var err error
	if p.file, err = os.OpenFile(filepath.Join(root, "build", "conformance", "proved-"+filepath.Base(*rows)), flags, 0o644); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(p.file)
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Split(string(data), "\n") {
		key, _, _ := strings.Cut(line, " ")
		p.keys[key] = true
	}
	return p, nil
}

// restsOn says whether a row's proof rests on a file: of tests only its own
// programs and what programs share.
func restsOn(r *row, file string) bool {
	for _, other := range []string{"docs/", "scripts/", "tests/conformance/", "tests/docs/", "tests/fuzz/", "tests/bench/", "tests/windows/", ".github/"} {
		if strings.HasPrefix(file, other) {
			return false
		}
	}
	suite := strings.HasPrefix(file, "tests/e2e/")
	program, unit := strings.CutPrefix(file, "tests/unit/")
	unit = unit && strings.HasSuffix(file, ".c") && !strings.Contains(program, "/") && !strings.HasPrefix(program, "support") &&
		!strings.HasPrefix(program, "double_") && program != "task_harness.c"
	if !suite && !unit {
		return !strings.HasSuffix(file, ".md") && strings.Contains(file, "/") || strings.HasPrefix(file, "CMake")
	}
	for _, t := range r.tests {
		if suite && t.kind == "e2e" || unit && t.program+".c" == program {
			return true
		}
	}
	return false
}

func (p *proved) key(r rule) string {
	all := sha256.New()
	for _, file := range p.files {
		if restsOn(r.row, file) {
			fmt.Fprintln(all, file, p.sums[file])
		}
	}
	fmt.Fprintf(all, "%s %q %q", r.row.id, r.row.tests, r.broken())
	return hex.EncodeToString(all.Sum(nil))[:32]
}

func (p *proved) has(r rule) bool { return p.keys[p.key(r)] }

func (p *proved) add(r rule, by string) error {
	_, err := fmt.Fprintln(p.file, p.key(r), r, by)
	return err
}
