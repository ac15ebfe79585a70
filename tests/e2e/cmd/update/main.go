// Command update sets a running task's memory limit, which ctr has no verb for:
//
//	update ADDRESS NAMESPACE CONTAINER BYTES
package main

import (
	"context"
	"log"
	"os"
	"strconv"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: update ADDRESS NAMESPACE CONTAINER BYTES")
	}
	bytes, err := strconv.ParseInt(os.Args[4], 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	if err := update(os.Args[1], os.Args[2], os.Args[3], bytes); err != nil {
		log.Fatal(err)
	}
}

func update(address, namespace, id string, bytes int64) error {
	client, err := containerd.New(address)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx := namespaces.WithNamespace(context.Background(), namespace)
	container, err := client.LoadContainer(ctx, id)
	if err != nil {
		return err
	}
	task, err := container.Task(ctx, nil)
	if err != nil {
		return err
	}
	return task.Update(ctx, containerd.WithResources(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &bytes}}))
}
