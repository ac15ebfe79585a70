//go:build windows

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"

	"hostprocess-shim/tests/windows/suite"
	"hostprocess-shim/tests/windows/text"
)

func lifecycleCases(n *node) []suite.Case {
	var all []suite.Case
	add := func(name, row string, run func(*suite.T)) {
		all = append(all, suite.Case{Name: "lifecycle/" + name, Row: row, Run: run})
	}
	add("exit-code", "5: the exit code is the program's own", func(t *suite.T) {
		if code, out := n.run(t, n.spec(t, systemUser, `cmd.exe /d /c exit 77`)); code != 77 {
			t.Errorf("%d, %q", code, out)
		}
	})
	add("no-such-program", "5: a program that cannot be found fails Start", func(t *suite.T) {
		b, err := n.create(t, n.spec(t, systemUser, `no-such-program.exe`))
		if err == nil {
			err = b.task.Start(b.ctx)
		}
		if err == nil || !strings.Contains(err.Error(), "no-such-program") {
			t.Errorf("%v", err)
		}
	})
	add("long-command-line", "5: command lines up to 32767 characters", func(t *suite.T) {
		argument := strings.Repeat("x", 30000)
		if _, out := n.run(t, n.spec(t, systemUser, `bin\uname.exe `+argument)); !strings.Contains(out, argument) {
			t.Errorf("%d characters came back", len(out))
		}
	})
	add("no-extension", "5: a file without extension starts (VM: full path as lpApplicationName)", func(t *suite.T) {
		if out := n.print(t, systemUser, `"%CONTAINER_SANDBOX_MOUNT_POINT%\agnhost" pause`); !strings.Contains(out, "pause") {
			t.Errorf("%q", out)
		}
	})
	add("terminal", "7: exec with a terminal (VM: ConPTY without the new-console flag)", func(t *suite.T) {
		b := n.boot(t, n.spec(t, systemUser, `bin\tool.exe sleep 600`))
		if code, out, err := b.exec(`cmd.exe /d /c echo on a terminal& exit 5`, true); err != nil || code != 5 || !strings.Contains(out, "on a terminal") {
			t.Errorf("%d, %q, %v", code, out, err)
		}
	})
	add("kill", "7: SIGKILL terminates the job, grandchildren too", n.kill)
	add("network", "3: every host interface is visible", n.network)
	add("stats", "7: Stats answers what kubelet reads", func(t *suite.T) {
		b := n.boot(t, n.spec(t, systemUser, `bin\tool.exe sleep 600`))
		if metric, err := b.task.Metrics(b.ctx); err != nil || metric.Data == nil || len(metric.Data.GetValue()) == 0 {
			t.Errorf("%v, %v", metric, err)
		}
	})
	add("flat", "8: memory and handles are flat over execs", n.flat)
	add("killed-shim", "8: nothing stays after the shim was killed: user, profile, job, volume", n.killedShim)
	return all
}

func (n *node) kill(t *suite.T) {
	b := n.boot(t, n.spec(t, systemUser, `cmd.exe /d /c bin\tool.exe sleep 600`))
	t.Eventually("it is ready", func() bool { return strings.Contains(b.out.String(), "ready") })
	pids, err := b.task.Pids(b.ctx)
	if err != nil || len(pids) < 2 {
		t.Errorf("pids: %v, %v", pids, err)
	}
	if err := b.task.Kill(b.ctx, syscall.SIGKILL); err != nil {
		t.Fatalf("kill: %v", err)
	}
	b.wait()
	for _, p := range pids {
		t.Eventually(fmt.Sprintf("process %d is gone", p.Pid), func() bool { return !slices.Contains(processes("tool.exe"), p.Pid) })
	}
}

func (n *node) network(t *suite.T) {
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatalf("%v", err)
	}
	seen := text.MACs(n.print(t, systemUser, `ipconfig.exe /all`))
	for _, i := range interfaces {
		if len(i.HardwareAddr) == 6 && i.Flags&net.FlagUp != 0 && !slices.Contains(seen, i.HardwareAddr.String()) {
			t.Errorf("the container does not see %s (%s)", i.Name, i.HardwareAddr)
		}
	}
}

// processes gives the pids of the processes of a program.
func processes(program string) []uint32 {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = windows.CloseHandle(snapshot) }()
	var pids []uint32
	entry := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snapshot, &entry); err == nil; err = windows.Process32Next(snapshot, &entry) {
		if strings.EqualFold(windows.UTF16ToString(entry.ExeFile[:]), program) {
			pids = append(pids, entry.ProcessID)
		}
	}
	return pids
}

// bootWithShim boots a container and gives its shim's pid: the newcomer.
func (n *node) bootWithShim(t *suite.T, user string) (*box, uint32) {
	before := processes(shimName)
	b := n.boot(t, n.spec(t, user, `bin\tool.exe sleep 3600`))
	after := slices.DeleteFunc(processes(shimName), func(pid uint32) bool { return slices.Contains(before, pid) })
	if len(after) != 1 {
		t.Fatalf("%d new shims, not one", len(after))
	}
	return b, after[0]
}

var (
	getProcessMemoryInfo  = windows.NewLazySystemDLL("psapi.dll").NewProc("GetProcessMemoryInfo")
	getProcessHandleCount = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")
)

// memoryCounters is PROCESS_MEMORY_COUNTERS_EX.
type memoryCounters struct {
	size, faults uint32
	others       [8]uintptr // peak and working set, quotas, page file
	private      uintptr
}

// cost gives the private bytes and the handles of a process.
func cost(t *suite.T, pid uint32) (private, handles int) {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_INFORMATION|windows.PROCESS_VM_READ, false, pid)
	if err != nil {
		t.Fatalf("process %d: %v", pid, err)
	}
	defer func() { _ = windows.CloseHandle(process) }()
	counters := memoryCounters{size: uint32(unsafe.Sizeof(memoryCounters{}))}
	if ok, _, err := getProcessMemoryInfo.Call(uintptr(process), uintptr(unsafe.Pointer(&counters)), uintptr(counters.size)); ok == 0 {
		t.Fatalf("GetProcessMemoryInfo: %v", err)
	}
	var count uint32
	if ok, _, err := getProcessHandleCount.Call(uintptr(process), uintptr(unsafe.Pointer(&count))); ok == 0 {
		t.Fatalf("GetProcessHandleCount: %v", err)
	}
	if counters.private == 0 || count == 0 {
		t.Fatalf("this host does not tell what process %d costs", pid)
	}
	return int(counters.private), int(count)
}

func (n *node) flat(t *suite.T) {
	b, shim := n.bootWithShim(t, systemUser)
	probe := func(times int) {
		for range times {
			if code, out, err := b.exec(`cmd.exe /d /c exit 0`, false); err != nil || code != 0 {
				t.Fatalf("exec: %d, %q, %v", code, out, err)
			}
		}
	}
	probe(max(50, *execs/20))
	private, handles := cost(t, shim)
	probe(*execs)
	private2, handles2 := cost(t, shim)
	t.Logf("%d execs: private bytes %d → %d, handles %d → %d", *execs, private, private2, handles, handles2)
	if private2-private > 256<<10 || handles2-handles > 8 {
		t.Errorf("the shim grows")
	}
}

func (n *node) killedShim(t *suite.T) {
	group(t, "kit-killed")
	b, shim := n.bootWithShim(t, "kit-killed")
	_, out, err := b.exec(whoamiUser, false)
	if err != nil {
		t.Fatalf("whoami: %v", err)
	}
	process, err := os.FindProcess(int(shim))
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		t.Fatalf("the shim is not to be killed: %v", err)
	}
	forgotten(t, text.Account(out))
	t.Eventually("the workload is gone", func() bool { return len(processes("tool.exe")) == 0 })
	t.Eventually("containerd forgets the task", func() bool {
		_, err := b.container.Task(b.ctx, nil)
		return err != nil
	})
	b.task = nil
}

const left = `ProgramData\hostprocess-kit-left`

// rebootCases are the two halves of a test with a reboot of the machine between.
func rebootCases(n *node) []suite.Case {
	row := "8: what a node's reboot cuts off is cleaned up: users, profiles, volumes"
	file := filepath.Join(os.Getenv("SystemDrive")+`\`, left)
	if *leave {
		return []suite.Case{{Name: "reboot/before", Row: row, Run: func(t *suite.T) {
			host(t, "net.exe", "localgroup", "kit-reboot", "/add")
			_, user := n.member(t, "kit-reboot")
			if err := os.WriteFile(file, []byte(user), 0o600); err != nil {
				t.Fatalf("%v", err)
			}
			t.Logf("left behind: the user %s and its container. Reboot now, then run with -after", user)
		}}}
	}
	return []suite.Case{{Name: "reboot/after", Row: row, Run: func(t *suite.T) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Skipf("nothing was left before the reboot: run with -leave first")
		}
		n.print(t, systemUser, `cmd.exe /c ver`) // any start goes on with what is left
		forgotten(t, string(data))
		host(t, "net.exe", "localgroup", "kit-reboot", "/delete")
		_ = os.Remove(file)
	}}}
}
