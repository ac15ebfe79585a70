package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	cgroups1 "github.com/containerd/cgroups/v3/cgroup1/stats"
	cgroups2 "github.com/containerd/cgroups/v3/cgroup2/stats"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// What a spec says to Linux alone, and what it gets there.

// onHost fills in what a spec says to this system alone.
func onHost(s *specs.Spec) { s.Linux = &specs.Linux{} }

// volume is the path of the container volume, as its processes see it.
func volume(*specs.Spec) string { return "/hpc" }

// behaviors are the values of the annotation that this system can do.
var behaviors = []string{"", "bind", "symlink"}

// imageProgram makes a program of the image that says what it is called with.
func imageProgram(t testing.TB, path string) {
	t.Helper()
	write(t, path, "#!/bin/sh\necho image program: $*\n", 0o755)
}

// seesHost is a script that looks at the host, and what it says.
func seesHost() (script, want string) {
	host, _ := os.Hostname()
	network, _ := os.Readlink("/proc/self/ns/net")
	return "hostname; test -d /proc/1 && ls -d /usr; readlink /proc/self/ns/net", host + "\n/usr\n" + network + "\n"
}

// noProgram is a name of a file that cannot be run, and why.
func noProgram() (name, reason string) { return "plain", "ermission denied" }

// workingDirectories are some that a spec may name, and where the process then
// is, given the volume's path.
func workingDirectories() map[string]func(volume string) string {
	below := func(rest string) func(string) string { return func(volume string) string { return volume + rest } }
	return map[string]func(string) string{"/": below(""), "/usr": func(string) string { return "/usr" }, "/data": below("/data"),
		"/made/new": below("/made/new"), "$CONTAINER_SANDBOX_MOUNT_POINT/etc": below("/etc")}
}

// showsAccount is a command that says as whom it runs, and what it says as our own.
func showsAccount() (command []string, want string) { return []string{"id", "-u"}, "0\n" }

// askForNetwork makes a spec ask for a network of its own.
func askForNetwork(s *specs.Spec) {
	s.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.NetworkNamespace}}
}

// asCtr makes a spec as ctr writes it for any runtime.
func asCtr(s *specs.Spec) {
	s.Process.User = specs.User{}
	s.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace},
		{Type: specs.MountNamespace}, {Type: specs.NetworkNamespace}}
}

// noLimit is the place in a config.json where badLimit, one of a wrong type, goes.
const noLimit, badLimit = `"linux":{}`, `"linux":{"resources":{"memory":{"limit":"1"}}}`

// lightBurden gives a container a mount and an account, which it must not leave behind.
func lightBurden(t *testing.T, s *specs.Spec) {
	t.Helper()
	s.Process.User = specs.User{Username: "daemon"}
	s.Mounts = []specs.Mount{bind(image(t), hidden(t, "data"))}
}

// burden does so where the whole host sees it; all of it is below place.
func burden(t *testing.T, s *specs.Spec) (place string) {
	t.Helper()
	lightBurden(t, s)
	place = filepath.Dir(s.Mounts[0].Destination)
	s.Annotations[mountBehavior] = "symlink"
	s.Annotations[rootLocation] = place
	s.Mounts[0].Destination = "/some/where"
	return place
}

// mountedBelow says what is mounted there, "" for nothing.
func mountedBelow(place string) string {
	if mounts, _ := os.ReadFile("/proc/self/mountinfo"); bytes.Contains(mounts, []byte(place)) {
		return "\na mount below " + place
	}
	return ""
}

func memoryLimit(t *testing.T, b *box) uint64 {
	t.Helper()
	switch m := metrics(t, b).(type) {
	case *cgroups1.Metrics:
		return m.GetMemory().GetUsage().GetLimit()
	case *cgroups2.Metrics:
		return m.GetMemory().GetUsageLimit()
	default:
		t.Fatal(fmt.Sprintf("metrics of type %T", m))
	}
	return 0
}

func usage(t *testing.T, b *box) (cpu, memory uint64) {
	t.Helper()
	switch m := metrics(t, b).(type) {
	case *cgroups1.Metrics:
		return m.GetCPU().GetUsage().GetTotal(), m.GetMemory().GetUsage().GetUsage()
	case *cgroups2.Metrics:
		return m.GetCPU().GetUsageUsec(), m.GetMemory().GetUsage()
	}
	return 0, 0
}

func memoryOf(bytes int64) *specs.LinuxResources {
	return &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &bytes}}
}

func limitMemory(s *specs.Spec, bytes int64) { s.Linux.Resources = memoryOf(bytes) }

func limitProcesses(s *specs.Spec, count int64) {
	s.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &count}}
}
