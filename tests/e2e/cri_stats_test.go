package e2e

import (
	"slices"
	"testing"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const busy = "echo busy; while :; do :; done"

// What kubelet asks for its metrics and evictions.
func TestCRIStats(t *testing.T) {
	eachSandboxer(t, func(t *testing.T, at func(*testing.T) *kubelet) {
		sub(t, "of-a-container", func(t *testing.T) {
			k := at(t)
			m := k.run(podSpec{name: "stats"}).start(sh("app", busy))
			eventually(t, "CPU and memory are counted", func() bool {
				response, err := k.runs.ContainerStats(k.ctx, &cri.ContainerStatsRequest{ContainerId: m.id})
				stats := response.GetStats()
				cpu, memory := usageOf(stats)
				return err == nil && stats.GetAttributes().GetId() == m.id && (cpu > 0 && memory > 0 || !countsUsage)
			})
		})
		sub(t, "listed", func(t *testing.T) {
			k := at(t)
			one, other := k.run(podSpec{name: "listed"}), k.run(podSpec{name: "not-listed"})
			first, second := one.start(sh("first", busy)), one.start(sh("second", busy))
			other.start(sh("app", busy))
			ended := one.start(sh("ended", "true"))
			ended.exited()
			response, err := k.runs.ListContainerStats(k.ctx, &cri.ListContainerStatsRequest{Filter: &cri.ContainerStatsFilter{PodSandboxId: one.id}})
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, stats := range response.Stats {
				if id := stats.GetAttributes().GetId(); id != ended.id { // some versions list it, empty
					ids = append(ids, id)
				}
			}
			slices.Sort(ids)
			want := []string{first.id, second.id}
			slices.Sort(want)
			if !slices.Equal(ids, want) {
				t.Errorf("%q, not %q", ids, want)
			}
		})
		sub(t, "of-a-pod", func(t *testing.T) {
			k := at(t)
			p := k.run(podSpec{name: "pod-stats"})
			if _, err := k.runs.PodSandboxStats(k.ctx, &cri.PodSandboxStatsRequest{PodSandboxId: p.id}); err != nil {
				t.Fatal("of a pod without containers: ", err)
			}
			m := p.start(sh("app", busy))
			p.start(sh("ended", "true")).exited()
			eventually(t, "CPU is counted", func() bool {
				response, err := k.runs.PodSandboxStats(k.ctx, &cri.PodSandboxStatsRequest{PodSandboxId: p.id})
				if err != nil {
					t.Fatal("PodSandboxStats: ", err)
				}
				cpu, containers := podUsage(response.Stats)
				return (cpu > 0 || !countsUsage) && slices.Contains(containers, m.id)
			})
			list, err := k.runs.ListPodSandboxStats(k.ctx, &cri.ListPodSandboxStatsRequest{Filter: &cri.PodSandboxStatsFilter{Id: p.id}})
			if err != nil || len(list.Stats) != 1 || list.Stats[0].GetAttributes().GetId() != p.id {
				t.Error(list, err)
			}
		})
	})
}

// Limits, at the start and changed while the container runs.
func TestCRILimits(t *testing.T) {
	eachSandboxer(t, func(t *testing.T, at func(*testing.T) *kubelet) {
		sub(t, "out-of-memory", func(t *testing.T) {
			spec := sh("app", "echo begin; head -c 200000000 /dev/zero | tail")
			spec.memory = 32 << 20
			p := at(t).run(podSpec{name: "oom"})
			m := p.start(spec)
			status := m.exited()
			eventually(t, "it is told: "+m.status().Reason, func() bool { return m.status().Reason == "OOMKilled" })
			if status.ExitCode == 0 {
				t.Error(status)
			}
		})
		sub(t, "changed-up-and-down", func(t *testing.T) {
			spec := sh("app", "sleep 1000")
			spec.memory = 64 << 20
			p := at(t).run(podSpec{name: "update"})
			m := p.start(spec)
			fits := func() bool {
				response, err := m.probe("sh", "-c", "head -c 100000000 /dev/zero | tail >/dev/null")
				return err == nil && response.ExitCode == 0
			}
			for _, step := range []struct {
				limit int64
				fits  bool
			}{{512 << 20, true}, {48 << 20, false}, {512 << 20, true}} {
				if err := m.updateMemory(step.limit); err != nil {
					t.Fatal("UpdateContainerResources: ", err)
				}
				if enforcesLimits && fits() != step.fits {
					t.Errorf("with %d MiB 100 MB fit: %v", step.limit>>20, !step.fits)
				}
			}
			if m.status().State != cri.ContainerState_CONTAINER_RUNNING {
				t.Error("an exec's end by its limit ended the container: ", m.status())
			}
		})
	})
}
