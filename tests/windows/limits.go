//go:build windows

package main

import (
	"fmt"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"hostprocess-shim/tests/windows/suite"
)

func limitCases(n *node) []suite.Case {
	var all []suite.Case
	add := func(name, row string, run func(*suite.T)) {
		all = append(all, suite.Case{Name: "limit/" + name, Row: "6: " + row, Run: run})
	}
	add("memory", "memory.limit: job-wide commit limit; a hit publishes TaskOOM", n.memoryLimit)
	add("memory-by-annotation", "annotation io.microsoft.container.memory.sizeinmb", func(t *suite.T) {
		spec := n.spec(t, systemUser, `bin\tool.exe eat 1024`)
		spec.Annotations["io.microsoft.container.memory.sizeinmb"] = "256"
		if code, out := n.run(t, spec); code == 0 || strings.Contains(out, "has all") {
			t.Errorf("1 GiB under a limit of 256 MiB: %d, %q", code, out)
		}
	})
	add("cpu", "cpu.maximum: a hard cap in hundredths of a percent", n.cpuCap)
	for _, c := range []struct {
		name string
		cpu  specs.WindowsCPUResources
	}{{"count", specs.WindowsCPUResources{Count: pointer[uint64](1)}}, {"shares", specs.WindowsCPUResources{Shares: pointer[uint16](5000)}}} {
		add("cpu-"+c.name, "cpu."+c.name+" is accepted by the host", func(t *suite.T) {
			spec := n.spec(t, systemUser, `cmd.exe /c ver`)
			spec.Windows.Resources = &specs.WindowsResources{CPU: &c.cpu}
			if code, out := n.run(t, spec); code != 0 {
				t.Errorf("%d, %q", code, out)
			}
		})
	}
	add("cpu-two", "only one of count, maximum and shares", func(t *suite.T) {
		spec := n.spec(t, systemUser, `cmd.exe /c ver`)
		spec.Windows.Resources = &specs.WindowsResources{CPU: &specs.WindowsCPUResources{Maximum: pointer[uint16](5000), Count: pointer[uint64](1)}}
		n.refused(t, spec, "set only one")
	})
	add("update", "UpdateTask applies new limits to the running job", n.update)
	return all
}

func pointer[T any](value T) *T { return &value }

func (n *node) memoryLimit(t *suite.T) {
	events, problems := n.client.EventService().Subscribe(n.context(t.Context), `topic=="/tasks/oom"`)
	spec := n.spec(t, systemUser, `bin\tool.exe eat 1024`)
	spec.Windows.Resources = &specs.WindowsResources{Memory: &specs.WindowsMemoryResources{Limit: pointer[uint64](256 << 20)}}
	b := n.boot(t, spec)
	if code := b.wait(); code == 0 || strings.Contains(b.out.String(), "has all") {
		t.Errorf("1 GiB under a limit of 256 MiB: %d, %q", code, b.out.String())
	}
	select {
	case <-events:
	case err := <-problems:
		t.Errorf("events: %v", err)
	case <-t.Context.Done():
		t.Errorf("no TaskOOM is published")
	}
}

// used gives the share of all processors that ten seconds of work got, in percent.
func (n *node) used(t *suite.T, cpu *specs.WindowsCPUResources) float64 {
	spec := n.spec(t, systemUser, `bin\tool.exe spin 10`)
	spec.Windows.Resources = &specs.WindowsResources{CPU: cpu}
	_, out := n.run(t, spec)
	var percent float64
	if _, err := fmt.Sscanf(out, "used %f percent", &percent); err != nil {
		t.Fatalf("spin printed %q", out)
	}
	return percent
}

func (n *node) cpuCap(t *suite.T) {
	free, capped := n.used(t, nil), n.used(t, &specs.WindowsCPUResources{Maximum: pointer[uint16](2000)})
	t.Logf("without a cap %.0f percent of all processors, with one of 20 percent %.0f", free, capped)
	if capped > 26 {
		t.Errorf("the cap of 20 percent is not kept: %.0f", capped)
	}
	if free < 40 {
		t.Errorf("this machine is too busy to tell: without a cap it is %.0f percent", free)
	}
}

func (n *node) update(t *suite.T) {
	spec := n.spec(t, systemUser, `bin\tool.exe sleep 600`)
	spec.Windows.Resources = &specs.WindowsResources{Memory: &specs.WindowsMemoryResources{Limit: pointer[uint64](256 << 20)}}
	b := n.boot(t, spec)
	eats := func() bool {
		_, out, err := b.exec(`bin\tool.exe eat 512`, false)
		if err != nil {
			t.Fatalf("exec: %v", err)
		}
		return strings.Contains(out, "has all")
	}
	if eats() {
		t.Errorf("512 MiB fit under a limit of 256 MiB")
	}
	more := &specs.WindowsResources{Memory: &specs.WindowsMemoryResources{Limit: pointer[uint64](2 << 30)}}
	if err := b.task.Update(b.ctx, containerd.WithResources(more)); err != nil {
		t.Fatalf("update: %v", err)
	}
	if !eats() {
		t.Errorf("512 MiB do not fit under the new limit of 2 GiB")
	}
}
