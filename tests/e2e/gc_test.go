package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	task "github.com/containerd/containerd/api/runtime/task/v3"
	typestask "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/ttrpc"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// garbage is what `gc -o json` answers.
type garbage struct {
	DryRun bool `json:"dryRun"`
	Items  []struct{ Kind, Name, Owner, Status, Error string }
	Living []string
}

// settled counts what is there for gc as soon as its shim is dead. On Windows the ledger's
// claims are not: what the shim had started may live a moment longer, and they are its.
func (g garbage) settled() (count int) {
	for _, item := range g.Items {
		if runtime.GOOS != "windows" || item.Kind == "bundle" || item.Kind == "address" {
			count++
		}
	}
	return count
}

// operator runs one of the commands that are for people.
func (h *hand) operator(args ...string) (stdout, stderr string, status int) {
	h.t.Helper()
	folder, err := shimFolder(h.dir)
	if err != nil {
		h.t.Fatal(err)
	}
	var out, errs bytes.Buffer
	command := exec.Command(filepath.Join(folder, shimName), args...)
	command.Env = append(os.Environ(), "HOSTPROCESS_POLICY="+h.policy, "HOSTPROCESS_STATE_DIR="+filepath.Join(h.dir, "shim-state"))
	command.Stdout, command.Stderr = &out, &errs
	err = command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	return out.String(), errs.String(), command.ProcessState.ExitCode()
}

func (h *hand) gc(args ...string) (g garbage) {
	h.t.Helper()
	out, errs, status := h.operator(append([]string{"gc", "-o", "json", "--namespace", h.namespace, "--state", filepath.Join(h.dir, "state")}, args...)...)
	if err := json.Unmarshal([]byte(out), &g); err != nil || status != 0 {
		h.t.Errorf("gc: status %d, %v, %s%s", status, err, out, errs)
	}
	bundles := map[string]bool{}
	for _, item := range g.Items {
		if name := strings.ToLower(filepath.Clean(item.Name)); item.Kind == "bundle" {
			if bundles[name] {
				h.t.Errorf("gc names the bundle %s twice", item.Name)
			}
			bundles[name] = true
		}
	}
	return g
}

// within makes the bundle of an id where containerd has it.
func (h *hand) within(id string, spec *specs.Spec) string {
	h.t.Helper()
	return h.bundle(filepath.Join("state", "io.containerd.runtime.v2.task", h.namespace, id), spec)
}

// anyLife lets a shim make a container and kills it after a while, whatever it has come to.
func (h *hand) anyLife(ctx context.Context, id, bundle string, random *rand.Rand) (address string, err error) {
	one := *h
	if random.IntN(2) == 0 { // the lane crash's shims stop dead at this point of theirs
		one.env = []string{fmt.Sprintf("HOSTPROCESS_CRASH_AT=%d", 1+random.IntN(50))}
	}
	if address, err = one.start(id, bundle); err != nil {
		return "", err
	}
	pid := h.pid(bundle)
	wait := time.Duration(random.IntN(lifeLimit)) * time.Millisecond
	timer := time.AfterFunc(wait, func() { kill9(pid) })
	defer timer.Stop()
	defer kill9(pid)
	connection, err := dial(address)
	if err != nil {
		return address, nil
	}
	defer func() { _ = connection.Close() }()
	service := task.NewTTRPCTaskClient(ttrpc.NewClient(connection))
	if _, err = service.Create(ctx, &task.CreateTaskRequest{ID: id, Bundle: bundle}); err == nil {
		_, err = service.Start(ctx, &task.StartRequest{ID: id})
	}
	if err == nil {
		spec := anyOf(h.t, "Process", &specs.Process{Args: []string{"sleep", "4711"}, Cwd: "/", Env: []string{"PATH=" + searchPath}})
		_, _ = service.Exec(ctx, &task.ExecProcessRequest{ID: id, ExecID: "e", Spec: spec})
		_, _ = service.Start(ctx, &task.StartRequest{ID: id, ExecID: "e"})
	}
	if random.IntN(4) == 0 {
		_, _ = service.Kill(ctx, &task.KillRequest{ID: id, Signal: 9, All: true})
		_, _ = service.Delete(ctx, &task.DeleteRequest{ID: id})
	}
	for alive(pid) && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	return address, nil
}

// Many shims killed at random points, some of whose bundles are removed; one gc,
// and nothing is left of them. A living shim beside them has all that it had, also
// where its bundle is gone.
func TestGarbage(t *testing.T) {
	mayRun(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	h := byHand(t)

	// One keeps its bundle, the other loses it.
	living := map[string]task.TTRPCTaskService{}
	for _, id := range []string{"kept", "bare"} {
		s := spec(t, "sh", "-c", "sleep 4711 & exec sleep 4711")
		burden(t, s)
		bundle := h.within(id, s)
		service, client := h.dial(id, bundle)
		living[id] = service
		pid := h.pid(bundle)
		defer func() {
			h.end(id, pid, service)
			_ = client.Close()
		}()
		if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: id, Bundle: bundle}); err != nil {
			t.Fatal(err)
		}
		if _, err := service.Start(ctx, &task.StartRequest{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	if bareBundles {
		if err := os.RemoveAll(filepath.Join(h.dir, "state", "io.containerd.runtime.v2.task", h.namespace, "bare")); err != nil {
			t.Fatal(err)
		}
	}

	addresses := make([]string, lives)
	var group sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i := range lives {
		s := spec(t, "sh", "-c", "sleep 4711 & exec sleep 4711")
		if i%2 == 0 {
			burden(t, s)
		} else {
			lightBurden(t, s)
		}
		id := fmt.Sprintf("life-%d", i)
		bundle := h.within(id, s)
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			var err error
			if addresses[i], err = h.anyLife(ctx, id, bundle, random); err != nil {
				t.Error(err)
			}
			if i%3 == 0 {
				if err := os.RemoveAll(bundle); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()

	dry := h.gc("--dry-run")
	if !dry.DryRun || len(dry.Items) < lives/4 {
		t.Errorf("a dry run found %d things of %d lives: %+v", len(dry.Items), lives, dry)
	}
	for _, item := range dry.Items {
		if item.Status != "found" || item.Name == "" || item.Name == "?" {
			t.Errorf("dry run: %+v", item)
		}
	}
	kinds := map[string]int{}
	for _, item := range dry.Items {
		kinds[item.Kind]++
	}
	t.Logf("left by %d shims: %v", lives, kinds)
	removed := h.gc()
	// What two containers shared goes with the last of them, so the second list may be no longer,
	// but for what a container still held that was ending during the first.
	if now, before := removed.settled(), dry.settled(); now == 0 || now > before {
		t.Errorf("gc removed %d things where the dry run had found %d", now, before)
	}
	for _, item := range removed.Items {
		if item.Status != "removed" {
			t.Errorf("gc: %+v", item)
		}
	}
	// On Windows what a shim that died had started may live a moment longer, and its container
	// with it: gc then finds nothing, and rightly leaves what the ledger says is that container's.
	ledger := filepath.Join(h.dir, "shim-state", "ledger.json")
	eventually(t, "gc finds nothing more, and the ledger has nothing of the dead", func() bool {
		found := h.gc().Items
		claims, _ := os.ReadFile(ledger)
		return len(found) == 0 && !bytes.Contains(claims, []byte(`"id":"life-`))
	})
	for _, address := range addresses {
		if address != "" && !addressGone(address) {
			t.Errorf("address %s is left", address)
		}
	}
	for id, service := range living {
		state, err := service.State(ctx, &task.StateRequest{ID: id})
		if err != nil || state.Status != typestask.Status_RUNNING {
			t.Errorf("%s, which lives: %v, %v", id, state, err)
		}
		pids, err := service.Pids(ctx, &task.PidsRequest{ID: id})
		if err != nil || len(pids.Processes) < 2 {
			t.Errorf("%s, which lives: %v, %v", id, pids, err)
		}
		h.end(id, 0, service)
	}
	if last := h.gc(); len(last.Items) != 0 {
		t.Errorf("what lived has left %+v", last.Items)
	}
	s := &server{dir: h.dir, policy: h.policy, stateDir: filepath.Join(h.dir, "shim-state"), namespace: h.namespace}
	if left := s.leftovers(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// end kills and deletes a container and has its shim end.
func (h *hand) end(id string, pid int, service task.TTRPCTaskService) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, _ = service.Kill(ctx, &task.KillRequest{ID: id, Signal: 9, All: true})
	_, _ = service.Wait(ctx, &task.WaitRequest{ID: id})
	_, _ = service.Delete(ctx, &task.DeleteRequest{ID: id})
	_, _ = service.Shutdown(ctx, &task.ShutdownRequest{ID: id})
	for pid != 0 && alive(pid) {
		if ctx.Err() != nil {
			h.t.Errorf("the shim %d does not end after Shutdown", pid)
			kill9(pid)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestHelp(t *testing.T) {
	h := byHand(t)
	out, errs, status := h.operator("help", "gc")
	if status != 0 || errs != "" || !strings.Contains(out, "--dry-run") {
		t.Errorf("help gc: status %d, %q, %q", status, out, errs)
	}
	if page, _, _ := h.operator("gc", "--help"); page != out {
		t.Errorf("gc --help is another page: %q", page)
	}
	if out, errs, status = h.operator(); status != 2 || out != "" || !strings.Contains(errs, "usage: ") {
		t.Errorf("no word at all: status %d, %q, %q", status, out, errs)
	}
	if _, errs, status = h.operator("gc", "--dry-run", "--state", filepath.Join(h.dir, "none")); status != 1 || !strings.Contains(errs, "cannot list containerd's state directory") {
		t.Errorf("a state directory that is not there: status %d, %q", status, errs)
	}
	if _, errs, status = h.operator("gc", "--dry-runn"); status != 2 || !strings.Contains(errs, "did you mean --dry-run?") {
		t.Errorf("a misspelt option: status %d, %q", status, errs)
	}
}

// checkup is what `doctor -o json` answers.
type checkup struct {
	Findings           []struct{ Check, Status, Text, Remedy string }
	Problems, Warnings int
}

func (h *hand) doctor(args ...string) (c checkup, status int) {
	h.t.Helper()
	out, errs, status := h.operator(append([]string{"doctor", "-o=json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &c); err != nil || errs != "" {
		h.t.Errorf("doctor: %v, %s%s", err, out, errs)
	}
	return c, status
}

func TestDoctor(t *testing.T) {
	h := byHand(t)
	table := "[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.hostprocess]\nruntime_type = \"io.containerd.hostprocess.v1\"\n"
	annotations := "pod_annotations = [\"microsoft.com/*\"]\ncontainer_annotations = [\"microsoft.com/*\"]\n"
	config := filepath.Join(h.dir, "config.toml")
	runtimeOf := func(text string) (status, remedy string) {
		write(t, config, text, 0o644)
		c, exit := h.doctor("--containerd-config", config)
		problems := 0
		for _, finding := range c.Findings {
			if finding.Status == "problem" {
				problems++
			}
			if finding.Check == "" || finding.Text == "" || (finding.Status == "ok") != (finding.Remedy == "") {
				t.Errorf("doctor: %+v", finding)
			}
			if finding.Check == "runtime" {
				status, remedy = finding.Status, finding.Remedy
			}
		}
		if problems != c.Problems || (problems > 0) != (exit == 1) {
			t.Errorf("doctor: %d problems, %+v, status %d", problems, c, exit)
		}
		return status, remedy
	}
	if status, _ := runtimeOf("version = 3\n" + table + annotations); status != "ok" {
		t.Errorf("a configuration that has the runtime: %s", status)
	}
	if status, remedy := runtimeOf("version = 3\n"); status != "problem" || !strings.Contains(remedy, table[:30]) {
		t.Errorf("a configuration that lacks the runtime: %s, %s", status, remedy)
	}
	if status, _ := runtimeOf("version = \n"); status != "problem" {
		t.Errorf("a malformed configuration: %s", status)
	}
	checks := map[string]bool{}
	c, _ := h.doctor("--containerd-config", config)
	for _, finding := range c.Findings {
		checks[finding.Check] = true
	}
	for _, check := range append([]string{"account", "containerd", "volumes", "ledger", "policy", "program", "runtime"}, hostChecks...) {
		if !checks[check] {
			t.Errorf("doctor does not look at %s: %v", check, checks)
		}
	}
	// A policy that is wrong is found.
	write(t, h.policy, `{"hostProces": "assume"}`, 0o644)
	c, status := h.doctor("--containerd-config", config)
	found := false
	for _, finding := range c.Findings {
		found = found || finding.Check == "policy" && finding.Status == "problem" && strings.Contains(finding.Text, "hostProces")
	}
	if !found || status != 1 {
		t.Errorf("a wrong policy: status %d, %+v", status, c)
	}
	out, errs, _ := h.operator("doctor", "--containerd-config", config)
	if !strings.Contains(out, "\nproblem  policy: ") || strings.Contains(out, "\x1b") || errs != "" {
		t.Errorf("doctor for people: %q, %q", out, errs)
	}
	if _, errs, status = h.operator("doctor", "-o", "xml"); status != 2 || !strings.Contains(errs, "use json or text") {
		t.Errorf("a format that there is not: status %d, %q", status, errs)
	}
}
