package main

import (
	"fmt"
	"os"
	"time"

	task "github.com/containerd/containerd/api/runtime/task/v3"

	"hostprocess-shim/tests/bench/shims/table"
)

// soak has one shim run execs, and then make and delete containers of its pod,
// and looks at its memory, descriptors and threads all the way.
func (b *bench) soak(execs, containers int, data string) error {
	sandbox := b.spec(b.ours, "true")
	sandbox.Annotations["io.kubernetes.cri.container-type"] = "sandbox"
	o, err := b.up(b.ours, sandbox)
	if err != nil {
		return err
	}
	defer o.down()
	if _, err := o.tasks.Create(o.ctx, &task.CreateTaskRequest{ID: o.id, Bundle: o.bundle}); err != nil {
		return err
	}
	if _, err := o.tasks.Start(o.ctx, &task.StartRequest{ID: o.id}); err != nil {
		return err
	}
	probed, err := b.member(o)
	if err != nil {
		return err
	}
	defer probed.end()
	begin := time.Now()
	look := func() table.Sample {
		private, _ := memory(o.pid)
		return table.Sample{Seconds: time.Since(begin).Seconds(), Memory: private, Descriptors: count(o.pid, "fd"), Threads: count(o.pid, "task")}
	}
	process := b.process(b.ours, "true")
	probes := &table.Soak{Name: "execs", Handles: "descr."}
	if err := probes.Run(execs, each(func() error { return probed.one.run(process) }), look); err != nil {
		return err
	}
	lives := &table.Soak{Name: "lives", Handles: "descr."}
	if err := lives.Run(containers, each(func() error {
		m, err := b.member(o)
		if err != nil {
			return err
		}
		return m.end()
	}), look); err != nil {
		return err
	}
	for _, s := range []*table.Soak{probes, lives} {
		memory, descriptors, threads := s.Growth()
		results.Limit(fmt.Sprintf("growth over %d %s", s.Samples[len(s.Samples)-1].Turns, s.Name), "KiB", memory, 0, 64)
		results.Limit("… of descriptors and threads", "", descriptors+threads, 0, 0)
	}
	if data == "" {
		return nil
	}
	return table.WriteSoaks(data, probes, lives)
}

// each does one turn after the other.
func each(work func() error) func(turns int) error {
	return func(turns int) error {
		for range turns {
			if err := work(); err != nil {
				return err
			}
		}
		return nil
	}
}

// member is a container of a pod whose sandbox runs in the shim.
type member struct {
	*one
	dir string
}

// member makes and starts one.
func (b *bench) member(pod *one) (*member, error) {
	spec := b.spec(b.ours, "sleep", "100000")
	spec.Annotations["io.kubernetes.cri.container-type"] = "container"
	spec.Annotations["io.kubernetes.cri.sandbox-id"] = pod.id
	inside := *pod
	inside.id = fmt.Sprintf("m%d", serial.Add(1))
	bundle, err := b.bundle(b.ours, inside.id, spec)
	if err != nil {
		return nil, err
	}
	m := &member{&inside, bundle}
	if _, err := m.tasks.Create(m.ctx, &task.CreateTaskRequest{ID: m.id, Bundle: bundle}); err != nil {
		return nil, err
	}
	_, err = m.tasks.Start(m.ctx, &task.StartRequest{ID: m.id})
	return m, err
}

// end kills, awaits and deletes it.
func (m *member) end() error {
	if _, err := m.tasks.Kill(m.ctx, &task.KillRequest{ID: m.id, Signal: 9}); err != nil {
		return err
	}
	if _, err := m.tasks.Wait(m.ctx, &task.WaitRequest{ID: m.id}); err != nil {
		return err
	}
	if _, err := m.tasks.Delete(m.ctx, &task.DeleteRequest{ID: m.id}); err != nil {
		return err
	}
	return os.RemoveAll(m.dir)
}
