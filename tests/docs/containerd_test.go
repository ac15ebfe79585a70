package docs

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// containerd reads the configurations in the pages, 1.x or 2.x as the block says,
// and prints each of their lines back.
func TestContainerdBlocks(t *testing.T) {
	programs := map[string]string{"toml containerd=1": program(t, "DOCS_CONTAINERD_1"), "toml containerd=2": program(t, "DOCS_CONTAINERD_2")}
	counts := map[string]int{}
	setting := regexp.MustCompile(`(?m)^ *((?:[A-Za-z_]+ = .*)|\[.*\])$`)
	plain := strings.NewReplacer("'", `"`, " ", "")
	for _, page := range pages(t) {
		for _, block := range blocks(t, page) {
			containerd, is := programs[block.info]
			if !is {
				if strings.HasPrefix(block.info, "toml") {
					t.Errorf("%s: say which containerd reads it", block.where)
				}
				continue
			}
			counts[block.info]++
			path := filepath.Join(t.TempDir(), "config.toml")
			if err := os.WriteFile(path, []byte(block.text), 0o644); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(containerd, "--config", path, "config", "dump").CombinedOutput()
			if err != nil || strings.Contains(string(out), "unknown key") {
				t.Errorf("%s: %v: %s", block.where, err, out)
			}
			checkByDoctor(t, block.where, path)
			whole := plain.Replace(string(out))
			for _, match := range setting.FindAllStringSubmatch(block.text, -1) {
				if !strings.HasPrefix(match[1], "version") && !strings.Contains(whole, plain.Replace(match[1])) {
					t.Errorf("%s: containerd does not read %s", block.where, match[1])
				}
			}
		}
	}
	for info := range programs {
		if counts[info] == 0 {
			t.Errorf("no page has a block %q", info)
		}
	}
}

// systemd takes the units in the pages (```ini systemd=NAME), with this build's
// executable in the place of the installed one.
func TestSystemdBlocks(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, page := range pages(t) {
		for _, block := range blocks(t, page) {
			name, is := strings.CutPrefix(block.info, "ini systemd=")
			if !is {
				continue
			}
			count++
			path := filepath.Join(t.TempDir(), name)
			unit := strings.ReplaceAll(block.text, "/usr/local/bin/containerd-shim-hostprocess-v1", program(t, "DOCS_SHIM"))
			if err := os.WriteFile(path, []byte(unit), 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput(); err != nil || strings.Contains(string(out), path) {
				t.Errorf("%s: %v: %s", block.where, err, out)
			}
		}
	}
	if count == 0 {
		t.Error("no page has a unit")
	}
}

// checkByDoctor has doctor read the configuration: it has the runtime and lets the
// pods' annotations through. What this host lacks is another matter.
func checkByDoctor(t *testing.T, where, path string) {
	t.Helper()
	out, err := exec.Command(program(t, "DOCS_SHIM"), "doctor", "-o", "json", "--containerd-config", path).Output()
	var report struct {
		Findings []struct{ Check, Status, Text string }
	}
	if jsonErr := json.Unmarshal(out, &report); jsonErr != nil {
		t.Fatalf("%s: doctor: %v, %v: %s", where, err, jsonErr, out)
	}
	found := false
	for _, finding := range report.Findings {
		switch finding.Check {
		case "runtime":
			found = finding.Status == "ok"
		case "runtime_type", "version", "pod_annotations", "container_annotations":
			if finding.Status != "ok" {
				t.Errorf("%s: doctor: %s", where, finding.Text)
			}
		}
	}
	if !found {
		t.Errorf("%s: doctor does not find the runtime: %s", where, out)
	}
}
