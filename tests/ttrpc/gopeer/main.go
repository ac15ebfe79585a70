// The same service as peer.c, hostprocess.test.Peer, on containerd's own ttrpc
// library: what our client is tested against and our server measured beside.
//
//	go run ./gopeer PATH
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const service = "hostprocess.test.Peer"

type method func(ctx context.Context, request *ttrpc.KeyValue) (*ttrpc.KeyValue, error)

func echo(_ context.Context, request *ttrpc.KeyValue) (*ttrpc.KeyValue, error) {
	return request, nil
}

func sleep(ctx context.Context, request *ttrpc.KeyValue) (*ttrpc.KeyValue, error) {
	milliseconds, err := strconv.Atoi(request.Key)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	select {
	case <-time.After(time.Duration(milliseconds) * time.Millisecond):
		return request, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func grow(_ context.Context, request *ttrpc.KeyValue) (*ttrpc.KeyValue, error) {
	size, err := strconv.Atoi(request.Key)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return &ttrpc.KeyValue{Key: request.Key, Value: strings.Repeat("x", size)}, nil
}

func fail(_ context.Context, request *ttrpc.KeyValue) (*ttrpc.KeyValue, error) {
	code, err := strconv.Atoi(request.Key)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return nil, status.Error(codes.Code(code), request.Value)
}

func metadata(ctx context.Context, request *ttrpc.KeyValue) (*ttrpc.KeyValue, error) {
	value, _ := ttrpc.GetMetadataValue(ctx, request.Key)
	return &ttrpc.KeyValue{Key: request.Key, Value: value}, nil
}

func newServer() (*ttrpc.Server, error) {
	server, err := ttrpc.NewServer()
	if err != nil {
		return nil, err
	}
	var abandoned atomic.Int64
	methods := map[string]method{
		"Echo":     echo,
		"Sleep":    sleep,
		"Grow":     grow,
		"Fail":     fail,
		"Metadata": metadata,
		"Hang": func(ctx context.Context, _ *ttrpc.KeyValue) (*ttrpc.KeyValue, error) {
			<-ctx.Done()
			abandoned.Add(1)
			return nil, ctx.Err()
		},
		"Abandoned": func(context.Context, *ttrpc.KeyValue) (*ttrpc.KeyValue, error) {
			return &ttrpc.KeyValue{Value: strconv.FormatInt(abandoned.Load(), 10)}, nil
		},
	}
	description := &ttrpc.ServiceDesc{Methods: map[string]ttrpc.Method{}}
	for name, call := range methods {
		description.Methods[name] = func(ctx context.Context, unmarshal func(any) error) (any, error) {
			request := &ttrpc.KeyValue{}
			if err := unmarshal(request); err != nil {
				return nil, err
			}
			return call(ctx, request)
		}
	}
	server.RegisterService(service, description)
	return server, nil
}

func serve(path string) error {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	server, err := newServer()
	if err != nil {
		return err
	}
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	go func() {
		<-terminate
		server.Close()
	}()
	fmt.Println("ready")
	if err := server.Serve(context.Background(), listener); err != nil && err != ttrpc.ErrServerClosed {
		return err
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	fmt.Printf("%d us CPU, %d KiB peak RSS\n", cpu.Microseconds(), usage.Maxrss)
	return nil
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gopeer PATH")
		os.Exit(1)
	}
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
