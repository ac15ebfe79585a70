//go:build crash

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	task "github.com/containerd/containerd/api/runtime/task/v3"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// trace is what strace sees of a process, its threads and its children.
type trace struct {
	t       *testing.T
	command *exec.Cmd
	path    string
	said    *buffer
}

// attach returns when every thread is traced.
func attach(t *testing.T, pid int, arguments ...string) *trace {
	t.Helper()
	tr := &trace{t: t, path: filepath.Join(image(t), "trace"), said: &buffer{}}
	tr.command = exec.Command("strace", append([]string{"-f", "-o", tr.path, "-p", strconv.Itoa(pid)}, arguments...)...)
	tr.command.Stderr = tr.said
	if err := tr.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.stop() })
	eventually(t, "strace is attached", func() bool { return strings.Contains(tr.said.String(), "attached") })
	return tr
}

// stop detaches; what was traced lives on.
func (tr *trace) stop() []string {
	tr.t.Helper()
	if tr.command.ProcessState == nil {
		_ = tr.command.Process.Signal(syscall.SIGINT)
		_ = tr.command.Wait()
	}
	data, err := os.ReadFile(tr.path)
	if err != nil {
		tr.t.Fatal(err, tr.said)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

// call is a system call at one of its two ends; it is whole at the second.
type call struct {
	pid        int
	text       string
	begin, end bool
}

var resumed = regexp.MustCompile(`^<\.\.\. \w+ resumed>(.*)$`)

// calls takes the lines apart; a call that another thread's interrupts has two lines.
func calls(lines []string) []call {
	var all []call
	pending := map[int]string{}
	for _, line := range lines {
		number, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		pid, err := strconv.Atoi(number)
		if err != nil {
			continue
		}
		text = strings.TrimSpace(text)
		if begun, cut := strings.CutSuffix(text, "<unfinished ...>"); cut {
			pending[pid] = strings.TrimSpace(begun)
			all = append(all, call{pid, pending[pid], true, false})
		} else if rest := resumed.FindStringSubmatch(text); rest != nil {
			all = append(all, call{pid, pending[pid] + rest[1], false, true})
		} else {
			all = append(all, call{pid, text, true, true})
		}
	}
	return all
}

// order follows what of the journal and the ledger is on disk.
type order struct {
	t              *testing.T
	bundle, state  string
	written        []map[string]any // in the journal's file
	synced         []map[string]any // and on its disk
	ledger, saved  string           // the new ledger as it was written; as it is in its place on disk
	renamed        bool
	cgroups        int
	mounts, points int
}

var (
	descriptor = regexp.MustCompile(`^\w+\(\d+<([^>]*)>`)
	mkdir      = regexp.MustCompile(`^mkdirat\((?:\d+|AT_FDCWD)<([^>]*)>, "([^"]*)"|^mkdir\("([^"]*)"`)
	creates    = regexp.MustCompile(`^openat\((?:\d+|AT_FDCWD)(?:<([^>]*)>)?, "([^"]*)", [^,]*O_CREAT`)
	moved      = regexp.MustCompile(`\)\s+= (\d+)$`)
	argument   = regexp.MustCompile(`^\w+\([^,]*, ("(?:[^"\\]|\\.)*")`)
)

func (o *order) has(kind string, fits func(record map[string]any) bool) bool {
	for _, record := range o.synced {
		if record["kind"] == kind && (fits == nil || fits(record)) {
			return true
		}
	}
	return false
}

func related(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// made is a thing that begins to be made: its record must be on disk.
func (o *order) made(what, path string) {
	o.t.Helper()
	volume := o.has("namespace", nil) || o.has("volume", nil)
	switch {
	case strings.HasPrefix(path, "/sys/fs/cgroup/"):
		o.cgroups++
		if !o.has("cgroup", func(record map[string]any) bool {
			name, _ := record["path"].(string)
			places, _ := record["places"].([]any)
			for _, place := range places {
				mount, _ := place.(map[string]any)["mount"].(string)
				if related(path, mount+name) || related(filepath.Dir(path), mount+name) {
					return true
				}
			}
			return false
		}) {
			o.t.Errorf("no record of the job is on disk before %s", what)
		}
	case path == "":
		o.mounts++
		if !volume {
			o.t.Errorf("no record of the volume is on disk before %s", what)
		}
	case path == "/hpc" || path == o.state || path == o.state+"/lock" || path == o.bundle+"/"+journalName:
		// Nobody's, or the books themselves.
	case strings.HasPrefix(path, o.state+"/"):
		if !o.has("uid", nil) && !o.has("mount-points", nil) {
			o.t.Errorf("no record of a claim is on disk before %s", what)
		}
	case volume:
		// A mount point inside of the volume or of a mount: it is theirs.
	default:
		o.points++
		recorded := o.has("mount-points", func(record map[string]any) bool {
			points, _ := record["points"].([]any)
			for _, point := range points {
				name, _ := point.(map[string]any)["path"].(string)
				if name == path || strings.HasPrefix(name, path+"/") {
					return true
				}
			}
			return false
		})
		if !recorded || !strings.Contains(o.saved, `"`+path+`"`) {
			o.t.Errorf("the record or the claim is not on disk before %s: journal %v, ledger %s", what, o.synced, o.saved)
		}
	}
}

func (o *order) begin(text string) {
	o.t.Helper()
	name, _, _ := strings.Cut(text, "(")
	switch name {
	case "mkdir", "mkdirat":
		if found := mkdir.FindStringSubmatch(text); found != nil {
			path := found[2] + found[3]
			if !filepath.IsAbs(path) {
				path = filepath.Join(found[1], path)
			}
			o.made(text, path)
		}
	case "openat":
		if found := creates.FindStringSubmatch(text); found != nil {
			path := found[2]
			if !filepath.IsAbs(path) {
				path = filepath.Join(found[1], path)
			}
			o.made(text, path)
		}
	case "write", "fsetxattr":
		if found := descriptor.FindStringSubmatch(text); found != nil && strings.HasPrefix(found[1], "/sys/fs/cgroup/") {
			o.made(text, found[1])
		}
	case "mount", "move_mount":
		o.made(text, "")
	case "symlink", "symlinkat", "link", "linkat", "mknod", "mknodat":
		o.t.Errorf("nothing that this test knows is made by %s", text)
	}
}

func (o *order) end(text string) {
	o.t.Helper()
	name, _, _ := strings.Cut(text, "(")
	path := ""
	if found := descriptor.FindStringSubmatch(text); found != nil {
		path = found[1]
	}
	switch {
	case name == "write" && (path == o.bundle+"/"+journalName || path == o.state+"/ledger.json.new"):
		found := argument.FindStringSubmatch(text)
		if found == nil {
			o.t.Fatalf("cannot read %s", text)
		}
		data, err := strconv.Unquote(found[1])
		if err != nil {
			o.t.Fatalf("cannot read %s: %v", text, err)
		}
		if strings.HasSuffix(path, ".new") {
			o.ledger += data
			return
		}
		var record map[string]any
		if err := json.Unmarshal([]byte(data), &record); err != nil {
			o.t.Fatalf("a write that is no record: %s", text)
		}
		o.written = append(o.written, record)
	case name == "openat" && strings.Contains(text, "ledger.json.new"):
		o.ledger, o.renamed = "", false
	case strings.HasPrefix(name, "rename") && strings.Contains(text, "ledger.json.new"):
		o.renamed = true
	case (name == "fsync" || name == "fdatasync") && path == o.bundle+"/"+journalName:
		o.synced, o.written = append(o.synced, o.written...), nil
	case name == "fsync" && path == o.state && o.renamed:
		o.saved = o.ledger
	}
}

// Seen from outside: everything that Create makes on the host has its own
// record on disk before.
func TestTraceOrder(t *testing.T) {
	for _, behavior := range []string{"bind", "symlink"} {
		t.Run(behavior, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
			defer cancel()
			h := byHand(t)
			point := hidden(t, "point")
			c := spec(t, "true")
			c.Process.User = specs.User{Username: "daemon"}
			c.Annotations[mountBehavior] = behavior
			if behavior == "symlink" {
				c.Annotations[rootLocation] = filepath.Dir(point)
			}
			c.Mounts = []specs.Mount{bind(image(t), point)}
			bundle := h.bundle("traced", c)
			service, _ := h.up("traced", bundle)
			if _, err := service.Connect(ctx, &task.ConnectRequest{ID: "traced"}); err != nil {
				t.Fatal(err)
			}
			tr := attach(t, h.pid(bundle), "-y", "-s", "1000000", "-e",
				"trace=openat,mkdir,mkdirat,symlink,symlinkat,link,linkat,mknod,mknodat,mount,move_mount,write,fsync,fdatasync,fsetxattr,rename,renameat,renameat2")
			if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: "traced", Bundle: bundle}); err != nil {
				t.Fatal(err)
			}
			o := &order{t: t, bundle: bundle, state: filepath.Join(h.dir, "shim-state")}
			lines := tr.stop()
			for _, call := range calls(lines) {
				if call.begin {
					o.begin(call.text)
				}
				if call.end {
					o.end(call.text)
				}
			}
			if len(o.written) != 0 {
				t.Errorf("records that never were on disk: %v", o.written)
			}
			t.Logf("%d records; %d things of the job, %d mounts, %d mount points", len(o.synced), o.cgroups, o.mounts, o.points)
			if len(o.synced) < 4 || o.cgroups == 0 || o.mounts == 0 || o.points == 0 || !strings.Contains(o.saved, `"uid"`) {
				t.Errorf("not all was seen in\n%s", strings.Join(lines, "\n"))
			}
		})
	}
}

// An exec's output goes from pipe to pipe in the kernel, and all of it arrives.
func TestTraceSplice(t *testing.T) {
	const size = 64 << 20
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	h := byHand(t)
	c := spec(t, "sleep", "4711")
	bundle := h.bundle("splice", c)
	service, _ := h.up("splice", bundle)
	if _, err := service.Create(ctx, &task.CreateTaskRequest{ID: "splice", Bundle: bundle}); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Start(ctx, &task.StartRequest{ID: "splice"}); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, size)
	source := rand.NewChaCha8([32]byte{})
	_, _ = source.Read(data)
	if err := os.WriteFile(filepath.Join(c.Root.Path, "big"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256(data)

	out := fifo(t, "out")
	reader := openFIFO(t, out, os.O_RDONLY)
	shim := h.pid(bundle)
	own := map[int]bool{}
	tr := attach(t, shim, "-s", "0", "-e", "trace=splice,tee,vmsplice,read,readv,write,writev,sendfile,copy_file_range")
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", shim))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		id, _ := strconv.Atoi(thread.Name())
		own[id] = true
	}
	process := anyOf(t, "Process", map[string]any{"args": []string{"cat", "/hpc/big"}, "cwd": "/"})
	if _, err := service.Exec(ctx, &task.ExecProcessRequest{ID: "splice", ExecID: "big", Spec: process, Stdout: out}); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Start(ctx, &task.StartRequest{ID: "splice", ExecID: "big"}); err != nil {
		t.Fatal(err)
	}
	hash, total := sha256.New(), 0
	piece := make([]byte, 1<<20)
	_ = reader.SetReadDeadline(time.Now().Add(2 * patience))
	for total < size {
		n, err := reader.Read(piece)
		total += n
		hash.Write(piece[:n])
		if err != nil && err != io.EOF {
			t.Fatal(err, " after ", total)
		}
		if n == 0 { // before the writer is there
			time.Sleep(time.Millisecond)
		}
	}
	if waited, err := service.Wait(ctx, &task.WaitRequest{ID: "splice", ExecID: "big"}); err != nil || waited.ExitStatus != 0 {
		t.Errorf("%v, %v", waited, err)
	}
	if n, _ := reader.Read(piece); n > 0 {
		t.Errorf("%d bytes too many", n)
	}
	if !bytes.Equal(hash.Sum(nil), want[:]) {
		t.Error("the bytes differ")
	}
	spliced, copied := 0, 0
	for _, call := range calls(tr.stop()) {
		result := moved.FindStringSubmatch(call.text)
		if !own[call.pid] || !call.end || result == nil {
			continue
		}
		bytes, _ := strconv.Atoi(result[1])
		if strings.HasPrefix(call.text, "splice(") {
			spliced += bytes
		} else {
			copied += bytes
		}
	}
	t.Logf("%d bytes by splice, %d by other calls", spliced, copied)
	if spliced < size/4*3 { // small pieces are copied, on purpose: see relay.c
		t.Errorf("only %d of %d bytes went by splice, %d by other calls", spliced, size, copied)
	}
}
