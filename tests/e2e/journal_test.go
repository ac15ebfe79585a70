package e2e

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	task "github.com/containerd/containerd/api/runtime/task/v3"
)

const journalName = "hostprocess.journal"

// orphan is a running container whose shim was killed, and what says what is left of it.
func orphan(t *testing.T) (h *hand, bundle string, left func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	h = byHand(t)
	c := spec(t, "sleep", "4711")
	place := burden(t, c)
	bundle = h.bundle("orphan", c)
	service, client := h.dial("orphan", bundle)
	if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: "orphan", Bundle: bundle}); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Start(ctx, &task.StartRequest{ID: "orphan"}); err != nil {
		t.Fatal(err)
	}
	pid := h.pid(bundle)
	kill9(pid)
	eventually(t, "the shim is dead", func() bool { return !alive(pid) })
	_ = client.Close()
	s := &server{dir: h.dir, policy: h.policy, stateDir: filepath.Join(h.dir, "shim-state"), namespace: h.namespace}
	return h, bundle, func() string {
		left := s.leftovers()
		left += mountedBelow(place)
		if _, err := os.Lstat(filepath.Join(bundle, journalName)); err == nil {
			left += "\nthe journal"
		}
		return left
	}
}

// said runs delete and returns what it prints for people.
func (h *hand) said(id, bundle string) (string, error) {
	var errors bytes.Buffer
	command := h.command(id, bundle, "-bundle", bundle, "delete")
	command.Stderr = &errors
	err := command.Run()
	return errors.String(), err
}

func TestJournal(t *testing.T) {
	sub(t, "garbage-between-its-lines", func(t *testing.T) {
		h, bundle, left := orphan(t)
		path := filepath.Join(bundle, journalName)
		journal, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		garbage := []byte("\x00\xff\xfe{{{{\n{\"kind\":7}\n[]\n\n{\"kind\":\"mount-points\"}\n")
		lines := bytes.SplitAfter(journal, []byte("\n"))
		damaged := append([]byte{}, garbage...)
		for _, line := range lines {
			damaged = append(append(damaged, line...), garbage...)
		}
		damaged = append(damaged, []byte(`{"kind":"cgro`)...) // torn, as by a crash
		write(t, path, string(damaged), 0o600)
		out, err := h.said("orphan", bundle)
		if err == nil || !strings.Contains(out, "damaged") || !strings.Contains(out, "line 1") || !strings.Contains(out, "names no owner") {
			t.Errorf("delete says %v, %q", err, out)
		}
		// A record that cannot be released keeps the journal, whatever else it holds.
		write(t, path, string(bytes.ReplaceAll(damaged, []byte("{\"kind\":\"mount-points\"}\n"), nil)), 0o600)
		if out, err := h.said("orphan", bundle); err != nil || !strings.Contains(out, "damaged") {
			t.Errorf("delete says %v, %q", err, out)
		}
		if left := left(); left != "" {
			t.Errorf("left behind:\n%s", left)
		}
	})
	sub(t, "its-first-line-is-lost", func(t *testing.T) {
		h, bundle, _ := orphan(t)
		path := filepath.Join(bundle, journalName)
		journal, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// That of the uid, whose claim the sweep beside the next shim's Create gives back.
		journal[0] = '<'
		write(t, path, string(journal), 0o600)
		if out, err := h.said("orphan", bundle); err != nil || !strings.Contains(out, "damaged") {
			t.Errorf("delete says %v, %q", err, out)
		}
		_ = os.RemoveAll(bundle)
		next := h.bundle("next", spec(t, "true"))
		service, _ := h.up("next", next)
		if _, err := service.Create(t.Context(), &task.CreateTaskRequest{ID: "next", Bundle: next}); err != nil {
			t.Fatal(err)
		}
		ledger := filepath.Join(h.dir, "shim-state", "ledger.json")
		eventually(t, "the claim is given back", func() bool {
			data, _ := os.ReadFile(ledger)
			return strings.Contains(string(data), `"claims":[]`)
		})
	})
	for name, spoil := range map[string]func(t *testing.T, path string){
		"writable-by-others": func(t *testing.T, path string) {
			if err := os.Chmod(path, 0o666); err != nil {
				t.Fatal(err)
			}
		},
		"of-another-user": func(t *testing.T, path string) {
			if err := os.Chown(path, 65534, 65534); err != nil {
				t.Fatal(err)
			}
		},
		"a-link": func(t *testing.T, path string) {
			if err := os.Rename(path, path+".kept"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(path+".kept", path); err != nil {
				t.Fatal(err)
			}
		},
		"17-MiB": func(t *testing.T, path string) {
			if err := os.Truncate(path, 17<<20); err != nil {
				t.Fatal(err)
			}
		},
	} {
		sub(t, name+"-is-refused", func(t *testing.T) {
			h, bundle, left := orphan(t)
			path := filepath.Join(bundle, journalName)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			spoil(t, path)
			if out, err := h.said("orphan", bundle); err == nil || !strings.Contains(out, "journal of bundle") || !strings.Contains(out, bundle) {
				t.Errorf("delete says %v, %q", err, out)
			}
			_ = os.Remove(path)
			write(t, path, string(whole), 0o600)
			if out, err := h.said("orphan", bundle); err != nil {
				t.Errorf("delete of the journal as it was says %v, %q", err, out)
			}
			_ = os.Remove(path + ".kept")
			if left := left(); left != "" {
				t.Errorf("left behind:\n%s", left)
			}
		})
	}
}
