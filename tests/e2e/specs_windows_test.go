package e2e

import (
	"os"
	"os/user"
	"path/filepath"
	"testing"

	"github.com/Microsoft/hcsshim/cmd/containerd-shim-runhcs-v1/stats"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// What a spec says to Windows alone, and what it gets there.

// onHost fills in what a spec says to this system alone.
func onHost(s *specs.Spec) { s.Windows = &specs.Windows{LayerFolders: []string{}} }

// volume is the path of the container volume, as its processes see it. Wine has
// no bind filter: there it is the image's own folder.
func volume(s *specs.Spec) string {
	if isWine {
		return s.Root.Path
	}
	return os.Getenv("SystemDrive") + `\hpc`
}

// behaviors are the values of the annotation that this system can do: Wine has
// neither the bind filter nor links.
var behaviors = map[bool][]string{true: {""}, false: {"", "bind"}}[isWine]

// imageProgram makes a program of the image that says what it is called with.
func imageProgram(t testing.TB, path string) {
	t.Helper()
	if err := os.Link(filepath.Join(toolsDir, "of-the-image.exe"), path+".exe"); err != nil {
		t.Fatal(err)
	}
}

// seesHost is a script that looks at the host, and what it says.
func seesHost() (script, want string) {
	host := os.Getenv("COMPUTERNAME")
	return "hostname; test -d \"$SystemRoot\" && echo and its system", host + "\nand its system\n"
}

// noProgram is a name of a file that cannot be run, and why.
func noProgram() (name, reason string) { return "plain.exe", "EXE" }

// workingDirectories are some that a spec may name, and where the process then
// is, given the volume's path.
func workingDirectories() map[string]func(volume string) string {
	below := func(rest string) func(string) string { return func(volume string) string { return volume + rest } }
	system := os.Getenv("SystemRoot")
	return map[string]func(string) string{"/": below(""), `C:\`: below(""), system: func(string) string { return system },
		`C:\data`: below(`\data`), `made\new`: below(`\made\new`), `%CONTAINER_SANDBOX_MOUNT_POINT%\etc`: below(`\etc`)}
}

// showsAccount is a command that says as whom it runs, and what it says as our own.
func showsAccount() (command []string, want string) {
	account, err := user.Current()
	if err != nil {
		return []string{"whoami"}, err.Error()
	}
	return []string{"whoami"}, account.Username + "\n"
}

// askForNetwork makes a spec ask for a network of its own.
func askForNetwork(s *specs.Spec) {
	s.Windows.Network = &specs.WindowsNetwork{NetworkNamespace: "of its own"}
}

// asCtr makes a spec as ctr writes it for any runtime; an account it must name.
func asCtr(s *specs.Spec) {
	s.Windows.Network = &specs.WindowsNetwork{}
}

// noLimit is the place in a config.json where badLimit, one of a wrong type, goes.
const noLimit, badLimit = `"windows":{`, `"windows":{"resources":{"memory":{"limit":"1"}},`

// lightBurden gives a container what it must not leave behind. Wine has no
// accounts and no mounts.
func lightBurden(t *testing.T, s *specs.Spec) { burden(t, s) }

func burden(t *testing.T, s *specs.Spec) (place string) {
	t.Helper()
	if !isWine {
		s.Process.User = specs.User{Username: "Guests"}
		s.Mounts = []specs.Mount{bind(image(t), `C:\some\where`)}
	}
	return ""
}

func mountedBelow(string) string { return "" }

func memoryOf(bytes int64) *specs.WindowsResources {
	limit := uint64(bytes)
	return &specs.WindowsResources{Memory: &specs.WindowsMemoryResources{Limit: &limit}}
}

func limitMemory(s *specs.Spec, bytes int64) { s.Windows.Resources = memoryOf(bytes) }

func statistics(t *testing.T, b *box) *stats.WindowsContainerStatistics {
	t.Helper()
	data := metrics(t, b)
	all, ok := data.(*stats.Statistics)
	if !ok {
		t.Fatalf("metrics of type %T", data)
	}
	if all.GetWindows().GetTimestamp().AsTime().Unix() <= 0 {
		t.Fatalf("metrics without a time: %v", all)
	}
	return all.GetWindows()
}

func usage(t *testing.T, b *box) (cpu, memory uint64) {
	t.Helper()
	s := statistics(t, b)
	return s.GetProcessor().GetTotalRuntimeNS(), s.GetMemory().GetMemoryUsageCommitBytes()
}

// Windows has no limit on a count of processes, and says a job's memory limit
// nowhere in its metrics: the cases about them are left out.
var (
	limitProcesses func(s *specs.Spec, count int64)
	memoryLimit    func(t *testing.T, b *box) uint64
)
