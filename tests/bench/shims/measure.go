package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	task "github.com/containerd/containerd/api/runtime/task/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"hostprocess-shim/tests/bench/shims/table"
)

func ms(seconds float64) float64 { return 1000 * seconds }

// both runs measure for ours and the peer, interleaved, and returns medians.
func (b *bench) both(times int, measure func(s shim) (float64, error)) (ours, peer float64, err error) {
	var figures [2][]float64
	for range times {
		for i, s := range []shim{b.ours, b.peer} {
			figure, err := measure(s)
			if err != nil {
				return 0, 0, fmt.Errorf("%s: %w", s.name, err)
			}
			figures[i] = append(figures[i], figure)
		}
	}
	return table.Median(figures[0]), table.Median(figures[1]), nil
}

func (b *bench) start() error {
	ours, peer, err := b.both(30, func(s shim) (float64, error) {
		o, err := b.up(s, b.spec(s, "true"))
		if err != nil {
			return 0, err
		}
		o.down()
		return ms(o.startSeconds), nil
	})
	results.Compare("start → address", "ms", ours, peer, 1.0/3)
	return err
}

func fifo(path string) (*os.File, error) {
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_RDWR, 0)
}

// create is the time from Create to the first byte of output.
func (b *bench) create() error {
	ours, peer, err := b.both(30, func(s shim) (float64, error) {
		o, err := b.up(s, b.spec(s, "echo", "x"))
		if err != nil {
			return 0, err
		}
		defer o.down()
		out := filepath.Join(o.bundle, "out")
		f, err := fifo(out)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		errors, err := fifo(out + ".err") // the runc shim wants both
		if err != nil {
			return 0, err
		}
		defer errors.Close()
		begin := time.Now()
		if _, err := o.tasks.Create(o.ctx, &task.CreateTaskRequest{ID: o.id, Bundle: o.bundle, Stdout: out, Stderr: errors.Name()}); err != nil {
			return 0, err
		}
		if _, err := o.tasks.Start(o.ctx, &task.StartRequest{ID: o.id}); err != nil {
			return 0, err
		}
		if _, err := f.Read(make([]byte, 1)); err != nil {
			return 0, err
		}
		return ms(time.Since(begin).Seconds()), nil
	})
	results.Compare("Create → first output", "ms", ours, peer, 1.0/6)
	return err
}

// running is a shim with a container that sleeps.
func (b *bench) running(s shim) (*one, error) {
	o, err := b.up(s, b.spec(s, "sleep", "100000"))
	if err != nil {
		return nil, err
	}
	if _, err = o.tasks.Create(o.ctx, &task.CreateTaskRequest{ID: o.id, Bundle: o.bundle}); err == nil {
		_, err = o.tasks.Start(o.ctx, &task.StartRequest{ID: o.id})
	}
	if err != nil {
		o.down()
		return nil, err
	}
	return o, nil
}

// run is one probe: Exec, Start, Wait, Delete.
func (o *one) run(process []byte) error {
	id := fmt.Sprintf("e%d", serial.Add(1))
	spec := &anypb.Any{TypeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Process", Value: process}
	if _, err := o.tasks.Exec(o.ctx, &task.ExecProcessRequest{ID: o.id, ExecID: id, Spec: spec}); err != nil {
		return err
	}
	if _, err := o.tasks.Start(o.ctx, &task.StartRequest{ID: o.id, ExecID: id}); err != nil {
		return err
	}
	if _, err := o.tasks.Wait(o.ctx, &task.WaitRequest{ID: o.id, ExecID: id}); err != nil {
		return err
	}
	_, err := o.tasks.Delete(o.ctx, &task.DeleteRequest{ID: o.id, ExecID: id})
	return err
}

func (b *bench) pair() ([2]*one, error) {
	var pair [2]*one
	for i, s := range []shim{b.ours, b.peer} {
		var err error
		if pair[i], err = b.running(s); err != nil {
			return pair, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return pair, nil
}

func (b *bench) exec() error {
	pair, err := b.pair()
	if err != nil {
		return err
	}
	defer pair[0].down()
	defer pair[1].down()
	ours, peer, err := b.both(200, func(s shim) (float64, error) {
		o := pair[0]
		if !s.ours {
			o = pair[1]
		}
		process := b.process(s, "true")
		begin := time.Now()
		err := o.run(process)
		return ms(time.Since(begin).Seconds()), err
	})
	results.Compare("exec of true, directly", "ms", ours, peer, 0.1)
	return err
}

func (b *bench) idle() error {
	pair, err := b.pair()
	if err != nil {
		return err
	}
	defer pair[0].down()
	defer pair[1].down()
	time.Sleep(2 * time.Second)
	ours, oursRSS := memory(pair[0].pid)
	peer, peerRSS := memory(pair[1].pid)
	results.Limit("idle, one container: private dirty", "KiB", ours, peer, 400)
	results.Limit("idle, one container: RSS", "KiB", oursRSS, peerRSS, 3072)
	results.Info("idle: threads", "", count(pair[0].pid, "task"), count(pair[1].pid, "task"))
	results.Info("idle: descriptors", "", count(pair[0].pid, "fd"), count(pair[1].pid, "fd"))
	return nil
}

func (b *bench) growth() error {
	o, err := b.running(b.ours)
	if err != nil {
		return err
	}
	defer o.down()
	process := b.process(b.ours, "true")
	for range 200 {
		if err := o.run(process); err != nil {
			return err
		}
	}
	before, _ := memory(o.pid)
	descriptors, threads := count(o.pid, "fd"), count(o.pid, "task")
	for range b.execs {
		if err := o.run(process); err != nil {
			return err
		}
	}
	after, _ := memory(o.pid)
	results.Limit(fmt.Sprintf("growth over %d execs", b.execs), "KiB", after-before, 0, 64)
	results.Limit("… of descriptors and threads", "", count(o.pid, "fd")-descriptors+count(o.pid, "task")-threads, 0, 0)
	return nil
}

// pod adds containers to one pod and sees what each costs its shim.
func (b *bench) pod() error {
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
	var ids, bundles []string
	add := func(n int) error {
		for range n {
			spec := b.spec(b.ours, "sleep", "100000")
			spec.Annotations["io.kubernetes.cri.container-type"] = "container"
			spec.Annotations["io.kubernetes.cri.sandbox-id"] = o.id
			id := fmt.Sprintf("m%d", serial.Add(1))
			bundle, err := b.bundle(b.ours, id, spec)
			if err != nil {
				return err
			}
			ids, bundles = append(ids, id), append(bundles, bundle)
			if _, err := o.tasks.Create(o.ctx, &task.CreateTaskRequest{ID: id, Bundle: bundle}); err != nil {
				return err
			}
			if _, err := o.tasks.Start(o.ctx, &task.StartRequest{ID: id}); err != nil {
				return err
			}
		}
		return nil
	}
	defer func() {
		for i, id := range ids {
			_, _ = o.tasks.Kill(o.ctx, &task.KillRequest{ID: id, Signal: 9})
			_, _ = o.tasks.Wait(o.ctx, &task.WaitRequest{ID: id})
			_, _ = o.tasks.Delete(o.ctx, &task.DeleteRequest{ID: id})
			_ = os.RemoveAll(bundles[i])
		}
	}()
	const containers = 1000
	if err := add(10); err != nil {
		return err
	}
	before, _ := memory(o.pid)
	if err := add(containers / 2); err != nil {
		return err
	}
	half, _ := memory(o.pid)
	if err := add(containers / 2); err != nil {
		return err
	}
	whole, _ := memory(o.pid)
	results.Limit("a further container of a pod, first 500", "KiB", (half-before)/(containers/2), 0, 8)
	results.Limit("a further container of a pod, next 500", "KiB", (whole-half)/(containers/2), 0, 8)
	return nil
}

// stdio is the time of a round trip through `cat`; the floor is the same
// program on the same FIFOs without any shim.
func (b *bench) stdio() error {
	pipes := func(dir string) (in, out *os.File, err error) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, nil, err
		}
		if in, err = fifo(filepath.Join(dir, "in")); err == nil {
			out, err = fifo(filepath.Join(dir, "out"))
		}
		return in, out, err
	}
	trip := func(in, out *os.File, size int) float64 {
		data, back := make([]byte, size), make([]byte, size)
		var figures []float64
		for range max(10, min(300, (8<<20)/size)) {
			begin := time.Now()
			go func() { _, _ = in.Write(data) }()
			_, _ = io.ReadFull(out, back)
			figures = append(figures, time.Since(begin).Seconds())
		}
		return table.Median(figures) * 1e6
	}
	floorIn, floorOut, err := pipes(filepath.Join(b.dir, "floor"))
	if err != nil {
		return err
	}
	cat := exec.Command(filepath.Join(b.rootfs, "bin/cat"))
	cat.Stdin, cat.Stdout = floorIn, floorOut
	if err := cat.Start(); err != nil {
		return err
	}
	defer func() { _ = cat.Process.Kill(); _ = cat.Wait() }()
	var ins, outs, errors [2]*os.File
	for i, s := range []shim{b.ours, b.peer} {
		o, err := b.up(s, b.spec(s, "cat"))
		if err != nil {
			return err
		}
		defer o.down()
		if ins[i], outs[i], err = pipes(filepath.Join(o.bundle, "io")); err != nil {
			return err
		}
		if errors[i], err = fifo(filepath.Join(o.bundle, "io", "err")); err != nil {
			return err
		}
		if _, err := o.tasks.Create(o.ctx, &task.CreateTaskRequest{ID: o.id, Bundle: o.bundle,
			Stdin: ins[i].Name(), Stdout: outs[i].Name(), Stderr: errors[i].Name()}); err != nil {
			return err
		}
		if _, err := o.tasks.Start(o.ctx, &task.StartRequest{ID: o.id}); err != nil {
			return err
		}
	}
	for _, size := range []int{8, 4 << 10, 4 << 20} {
		floor := trip(floorIn, floorOut, size)
		ours, peer := trip(ins[0], outs[0], size), trip(ins[1], outs[1], size)
		results.Info(fmt.Sprintf("stdio round trip of %d B: floor without a shim", size), "µs", floor, 0)
		r := table.Row{Name: fmt.Sprintf("stdio round trip of %d B", size), Unit: "µs", Ours: ours, Peer: peer, Ratio: ours / peer,
			Goal: "cost above the floor ≤ 1/2 of the peer's", Met: ours-floor <= (peer-floor)/2}
		results.Add(r)
	}
	return nil
}

func (b *bench) size() error {
	for _, s := range []shim{b.ours, b.peer} {
		stripped := filepath.Join(b.dir, s.name+".stripped")
		if err := exec.Command("strip", "-o", stripped, s.path).Run(); err != nil {
			return err
		}
	}
	ours, err := os.Stat(filepath.Join(b.dir, "ours.stripped"))
	if err != nil {
		return err
	}
	peer, err := os.Stat(filepath.Join(b.dir, "peer.stripped"))
	if err != nil {
		return err
	}
	results.Limit("stripped executable", "KiB", float64(ours.Size())/1024, float64(peer.Size())/1024, 400)
	return nil
}
