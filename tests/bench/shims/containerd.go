package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/namespaces"

	"hostprocess-shim/tests/bench/shims/table"
)

// throughContainerd measures what a client of containerd sees.
func (b *bench) throughContainerd() error {
	address := filepath.Join(b.dir, "c.sock")
	config := fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images", "io.containerd.nri.v1.nri"]
[grpc]
  address = %q
[ttrpc]
  address = %q
`, filepath.Join(b.dir, "root"), filepath.Join(b.dir, "cstate"), address, address+".ttrpc")
	file := filepath.Join(b.dir, "config.toml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return err
	}
	server := exec.Command(b.containerd, "--config", file)
	server.Env = append(os.Environ(), "PATH="+filepath.Dir(b.ours.path)+":"+filepath.Dir(b.peer.path)+":"+os.Getenv("PATH"),
		"HOSTPROCESS_STATE_DIR="+filepath.Join(b.dir, "state"))
	if err := server.Start(); err != nil {
		return err
	}
	defer func() { _ = server.Process.Signal(os.Interrupt); _ = server.Wait() }()
	ctx := namespaces.WithNamespace(context.Background(), "bench")
	var client *containerd.Client
	for range 200 {
		var err error
		if client, err = containerd.New(address, containerd.WithTimeout(time.Second)); err == nil {
			if _, err = client.Version(ctx); err == nil {
				break
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	defer client.Close()
	runtimes := map[bool]string{true: "io.containerd.hostprocess.v1", false: "io.containerd.runc.v2"}
	var execs [2][]float64
	ours, peer, err := b.both(20, func(s shim) (float64, error) {
		id := fmt.Sprintf("c%d", serial.Add(1))
		container, err := client.NewContainer(ctx, id, containerd.WithSpec(b.spec(s, "sleep", "100000")), containerd.WithRuntime(runtimes[s.ours], nil))
		if err != nil {
			return 0, err
		}
		defer container.Delete(ctx)
		begin := time.Now()
		t, err := container.NewTask(ctx, cio.NullIO)
		if err != nil {
			return 0, err
		}
		defer t.Delete(ctx, containerd.WithProcessKill)
		if err := t.Start(ctx); err != nil {
			return 0, err
		}
		seconds := time.Since(begin).Seconds()
		for range 10 {
			begin := time.Now()
			p, err := t.Exec(ctx, fmt.Sprintf("e%d", serial.Add(1)), b.spec(s, "true").Process, cio.NullIO)
			if err != nil {
				return 0, err
			}
			exit, err := p.Wait(ctx)
			if err == nil {
				err = p.Start(ctx)
			}
			if err != nil {
				return 0, err
			}
			<-exit
			if _, err := p.Delete(ctx); err != nil {
				return 0, err
			}
			which := 0
			if !s.ours {
				which = 1
			}
			execs[which] = append(execs[which], ms(time.Since(begin).Seconds()))
		}
		return ms(seconds), nil
	})
	if err != nil {
		return err
	}
	results.Compare("create+start through containerd", "ms", ours, peer, 0.5)
	results.Compare("exec of true through containerd", "ms", table.Median(execs[0]), table.Median(execs[1]), 0.5)
	return nil
}
