package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unsafe"

	containerd "github.com/containerd/containerd/v2/client"
	"golang.org/x/sys/windows"
)

// The Windows host, as the cases see it: its processes and what is left on it.
// host_linux_test.go is the counterpart.
// What command lines name (sh, cat, sleep) is cmd/tools, in the folder HP_TOOLS_DIR.

const (
	shimName   = "containerd-shim-hostprocess-v1.exe"
	hasFreezer = false // of jobs, for Pause
	execCount  = 200   // "hundreds"
	// The containers of TestCrowd, what each writes, and the KiB by which the shim
	// may grow: a relay has 64 KiB, and 64 KiB of a read that is under way.
	crowdCount, crowdSize, crowdBound = 30, 1 << 20, 16 << 10
	enterKey                          = "\r" // as a terminal sends it
	// terminalName is a command that names the terminal, terminalPrefix how the name
	// begins: in one word, for a console draws words one by one.
	terminalName, terminalPrefix = "echo console", "console"
	pipePrefix                   = `\\.\pipe\`
	addressPrefix                = pipePrefix + `ProtectedPrefix\Administrators\`
)

var (
	toolsDir = os.Getenv("HP_TOOLS_DIR")
	// searchPath is PATH of what runs in a container.
	searchPath = toolsDir + ";" + filepath.Join(os.Getenv("SystemRoot"), "system32")
	copying    sync.Mutex
	isWine     = windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
)

// killedStatus is the exit that containerd publishes for a container whose shim
// was killed. Under Wine it cannot unmount the bundle's rootfs, without
// bindfltapi.dll, and forgets what the shim's delete said.
var killedStatus = map[bool]uint32{false: 137, true: 255}[isWine]

// prepare is called once, before all.
func prepare() error {
	if _, err := os.Stat(filepath.Join(toolsDir, "sh.exe")); err != nil {
		return fmt.Errorf("HP_TOOLS_DIR must name the folder of the tools: %w", err)
	}
	return nil
}

// serverAddress is where the containerd of this folder serves.
func serverAddress(dir string) string { return pipePrefix + filepath.Base(dir) }

// shimFolder is the folder of the shim that a containerd, or a test, of this
// folder starts: a copy of its own, by whose path its shims are known.
func shimFolder(dir string) (string, error) {
	copying.Lock()
	defer copying.Unlock()
	folder := filepath.Join(dir, "bin")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(folder, shimName)
	if _, err := os.Stat(path); err == nil {
		return folder, nil
	}
	data, err := os.ReadFile(filepath.Join(os.Getenv("HP_SHIM_DIR"), shimName))
	if err != nil {
		return "", err
	}
	return folder, os.WriteFile(path, data, 0o755)
}

func askToEnd(process *os.Process) error { return process.Kill() }

// kill9 ends a process at once, as SIGKILL does.
func kill9(pid int) {
	if process, err := os.FindProcess(pid); err == nil {
		_ = process.Kill()
	}
}

// onProcess calls look with a handle of the process, if it runs.
func onProcess(pid int, look func(windows.Handle)) bool {
	handle, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return false
	}
	defer func() { _ = windows.CloseHandle(handle) }()
	if state, err := windows.WaitForSingleObject(handle, 0); err != nil || state != uint32(windows.WAIT_TIMEOUT) {
		return false
	}
	look(handle)
	return true
}

// ended says whether there is no such process any more.
func ended(pid int) bool { return !onProcess(pid, func(windows.Handle) {}) }

// programOf is the path of what the process runs, "" when it has ended.
func programOf(pid int) (path string) {
	onProcess(pid, func(handle windows.Handle) {
		text := make([]uint16, windows.MAX_LONG_PATH)
		size := uint32(len(text))
		if windows.QueryFullProcessImageName(handle, 0, &text[0], &size) == nil {
			path = windows.UTF16ToString(text[:size])
		}
	})
	return path
}

// alive says whether the process is a running shim.
func alive(pid int) bool { return filepath.Base(programOf(pid)) == shimName }

// processes are the pids of all.
func processes() []int {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = windows.CloseHandle(snapshot) }()
	var pids []int
	entry := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err := windows.Process32First(snapshot, &entry); err == nil; err = windows.Process32Next(snapshot, &entry) {
		pids = append(pids, int(entry.ProcessID))
	}
	return pids
}

// running are the pids of the processes whose program is below the folder.
func running(folder string) []int {
	var pids []int
	for _, pid := range processes() {
		if strings.HasPrefix(strings.ToLower(programOf(pid)), strings.ToLower(folder)+`\`) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// isRunning says whether some process has these words in its command line. Wine does
// not tell another process' command line; Linux does.
func isRunning(words string) bool {
	found := false
	if isWine {
		entries, _ := filepath.Glob(`Z:\proc\[0-9]*\cmdline`)
		for _, entry := range entries {
			line, _ := os.ReadFile(entry)
			found = found || strings.Contains(string(bytes.ReplaceAll(line, []byte{0}, []byte(" "))), words)
		}
		return found
	}
	for _, pid := range processes() {
		onProcess(pid, func(handle windows.Handle) {
			buffer := make([]byte, 1<<16)
			if windows.NtQueryInformationProcess(handle, windows.ProcessCommandLineInformation, unsafe.Pointer(&buffer[0]),
				uint32(len(buffer)), nil) == nil {
				found = found || strings.Contains((*windows.NTUnicodeString)(unsafe.Pointer(&buffer[0])).String(), words)
			}
		})
	}
	return found
}

// shims are the pids of the shims that this containerd started: they run its copy.
func (s *server) shims() []int { return running(filepath.Join(s.dir, "bin")) }

// leftOnHost is what there is of this containerd's containers beside shims and state.
func (s *server) leftOnHost() []string {
	var left []string
	for _, pid := range running(toolsDir) {
		left = append(left, fmt.Sprintf("process %d, %s", pid, programOf(pid)))
	}
	for _, pattern := range []string{filepath.Join(s.dir, "state", "*", s.namespace, "*", journalName), filepath.Join(s.dir, "*", journalName),
		filepath.Join(os.Getenv("SystemDrive")+`\hpc`, "*")} {
		found, _ := filepath.Glob(pattern)
		left = append(left, found...)
	}
	return left
}

// systemHandle is SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX.
type systemHandle struct {
	object, pid, handle uintptr
	access              uint32
	creator, kind       uint16
	attributes, unused  uint32
}

// openHandles is how many handles the process has, counted in the system's list of
// all: Wine's GetProcessHandleCount says 0.
func openHandles(t testing.TB, pid int) int {
	t.Helper()
	buffer := make([]uintptr, 1<<20)
	if err := windows.NtQuerySystemInformation(windows.SystemExtendedHandleInformation, unsafe.Pointer(&buffer[0]),
		uint32(len(buffer)*int(unsafe.Sizeof(buffer[0]))), nil); err != nil {
		t.Fatal("NtQuerySystemInformation: ", err)
	}
	count := 0
	for _, handle := range unsafe.Slice((*systemHandle)(unsafe.Pointer(&buffer[2])), buffer[0]) {
		if handle.pid == uintptr(pid) {
			count++
		}
	}
	if count == 0 {
		t.Fatalf("process %d has no handles", pid)
	}
	return count
}

// workloads is how many of the processes are not the console hosts that Windows
// gives to some of them.
func workloads(pids []containerd.ProcessInfo) int {
	count := 0
	for _, info := range pids {
		program := programOf(int(info.Pid)) // none: it has ended meanwhile
		if program != "" && !strings.EqualFold(filepath.Base(program), "conhost.exe") {
			count++
		}
	}
	return count
}

// linuxProcess is the folder in /proc of a process under Wine: it is found there by
// its program.
func linuxProcess(t *testing.T, pid int) string {
	t.Helper()
	if folder, found := linuxProcesses[pid]; found {
		return folder
	}
	program := programOf(pid)
	found, _ := filepath.Glob(`Z:\proc\[0-9]*\cmdline`)
	for _, path := range found {
		if line, _ := os.ReadFile(path); strings.Contains(string(line), program) {
			linuxProcesses[pid] = filepath.Dir(path)
			return linuxProcesses[pid]
		}
	}
	t.Fatal("no process of Linux runs ", program)
	return ""
}

var linuxProcesses = map[int]string{}

// ownMemory is a process's own memory in KiB, without the files it maps. Under
// Wine it is Linux that says so.
func ownMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(filepath.Join(linuxProcess(t, pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	return anonymous(t, string(status))
}

// checkDaemon looks at a shim's pipe.
func checkDaemon(t *testing.T, address string, _ int) {
	t.Helper()
	if !strings.HasPrefix(address, addressPrefix) {
		t.Errorf("address %q", address)
	}
}

// TestGarbage: how many shims are killed, after at most how many milliseconds, and
// whether a bundle can be removed while its shim lives.
const (
	lives, lifeLimit = 8, 1500
	bareBundles      = false
)

// addressGone says whether nothing is left of a shim's address: a pipe goes with its server.
func addressGone(string) bool { return true }

// hostChecks are those that doctor makes on Windows only.
var hostChecks = []string{"system", "privileges", "bind", "layers", "function"}
