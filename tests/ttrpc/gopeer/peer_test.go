package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	messageMax = 4 << 20

	typeRequest  = 1
	typeResponse = 2
	typeData     = 3

	remoteClosed = 1
	remoteOpen   = 2
	noData       = 4
)

// program is the path of a C program that CMake built.
func program(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Skipf("%s is not set: run this through ctest, which names the C program", variable)
	}
	return path
}

// socketPath is short: a unix socket's path must be.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ttrpc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// startPeer runs our C server. At the end of the test it must shut down cleanly.
func startPeer(t *testing.T) string {
	t.Helper()
	path := socketPath(t)
	command := exec.Command(program(t, "TTRPC_PEER"), path)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(output)
	if line, err := lines.ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the peer did not start: %q, %v", line, err)
	}
	t.Cleanup(func() {
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if _, err := io.Copy(io.Discard, lines); err != nil {
			t.Error(err)
		}
		if err := command.Wait(); err != nil {
			t.Errorf("the peer did not end well: %v", err)
		}
	})
	return path
}

func dial(t *testing.T, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func newClient(t *testing.T, path string) *ttrpc.Client {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	client := ttrpc.NewClient(conn)
	t.Cleanup(func() { client.Close() })
	return client
}

func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func call(ctx context.Context, client *ttrpc.Client, method, key, value string) (*ttrpc.KeyValue, error) {
	response := &ttrpc.KeyValue{}
	err := client.Call(ctx, service, method, &ttrpc.KeyValue{Key: key, Value: value}, response)
	return response, err
}

func expectEcho(t *testing.T, client *ttrpc.Client, value string) {
	t.Helper()
	response, err := call(patience(t), client, "Echo", "k", value)
	if err != nil || response.Value != value || response.Key != "k" {
		t.Fatalf("Echo: %.50v, %v", response, err)
	}
}

func expectCode(t *testing.T, err error, code codes.Code, part string) {
	t.Helper()
	if status.Code(err) != code || !strings.Contains(err.Error(), part) {
		t.Fatalf("%v with %q was expected, not %v", code, part, err)
	}
}

func TestEcho(t *testing.T) {
	client := newClient(t, startPeer(t))
	expectEcho(t, client, "")
	expectEcho(t, client, "äöü ✓")
	expectEcho(t, client, strings.Repeat("v", 3<<20))
}

func TestErrors(t *testing.T) {
	client := newClient(t, startPeer(t))
	_, err := call(patience(t), client, "Fail", "5", "no such task")
	expectCode(t, err, codes.NotFound, "no such task")
	_, err = call(patience(t), client, "NoSuchMethod", "", "")
	expectCode(t, err, codes.Unimplemented, "NoSuchMethod")
	err = client.Call(patience(t), "no.such.Service", "Echo", &ttrpc.KeyValue{}, &ttrpc.KeyValue{})
	expectCode(t, err, codes.Unimplemented, "no.such.Service")
	expectEcho(t, client, "alive")
}

func TestMetadata(t *testing.T) {
	client := newClient(t, startPeer(t))
	ctx := ttrpc.WithMetadata(patience(t), ttrpc.MD{"one": {"1"}, "namespace": {"k8s.io"}})
	response, err := call(ctx, client, "Metadata", "namespace", "")
	if err != nil || response.Value != "k8s.io" {
		t.Fatalf("%v, %v", response, err)
	}
}

func TestDeadline(t *testing.T) {
	path := startPeer(t)
	client := newClient(t, path)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := call(ctx, client, "Hang", "", ""); !errors.Is(err, context.DeadlineExceeded) &&
		status.Code(err) != codes.DeadlineExceeded {
		t.Fatalf("Hang: %v", err)
	}
	expectAbandoned(t, client, "1")
}

// expectAbandoned waits until the peer has counted so many calls that nobody
// waits for.
func expectAbandoned(t *testing.T, client *ttrpc.Client, count string) {
	t.Helper()
	limit := time.Now().Add(30 * time.Second)
	for {
		response, err := call(patience(t), client, "Abandoned", "", "")
		if err != nil {
			t.Fatal(err)
		}
		if response.Value == count {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%s calls are abandoned, not %s", response.Value, count)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// The library itself, not the handler, answers when a deadline passes, and the
// handler's late answer stays unsent.
func TestDeadlineOnTheWire(t *testing.T) {
	conn := dial(t, startPeer(t))
	send(t, conn, 1, typeRequest, 0, request(t, service, "Sleep", "200", 10*time.Millisecond))
	send(t, conn, 3, typeRequest, 0, request(t, service, "Sleep", "400", 0))
	expectStatus(t, conn, 1, codes.DeadlineExceeded)
	expectStatus(t, conn, 3, codes.OK)
}

func TestManyConnections(t *testing.T) {
	path := startPeer(t)
	var group sync.WaitGroup
	for range 64 {
		client := newClient(t, path)
		group.Go(func() {
			for i := range 50 {
				value := fmt.Sprint(i)
				response, err := call(patience(t), client, "Echo", "", value)
				if err != nil || response.Value != value {
					t.Errorf("Echo: %v, %v", response, err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestThousandInFlight(t *testing.T) {
	path := startPeer(t)
	client := newClient(t, path)
	var group sync.WaitGroup
	for i := range 1000 {
		group.Go(func() {
			value := fmt.Sprint(i)
			response, err := call(patience(t), client, "Sleep", fmt.Sprint(100+i%50), value)
			if err != nil || response.Value != value {
				t.Errorf("Sleep: %v, %v", response, err)
			}
		})
	}
	group.Wait()
}

func TestLostConnectionAbandonsItsCalls(t *testing.T) {
	path := startPeer(t)
	client := newClient(t, path)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { call(context.Background(), client, "Hang", "", "") })
	}
	response, err := call(patience(t), client, "Sleep", "50", "")
	if err != nil {
		t.Fatalf("%v, %v", response, err)
	}
	client.Close()
	group.Wait()
	expectAbandoned(t, newClient(t, path), "20")
}

func TestOversizeAnswer(t *testing.T) {
	client := newClient(t, startPeer(t))
	_, err := call(patience(t), client, "Grow", "5000000", "")
	expectCode(t, err, codes.ResourceExhausted, "4194304")
	expectEcho(t, client, "alive")
}

func TestStreamingClient(t *testing.T) {
	client := newClient(t, startPeer(t))
	for _, description := range []*ttrpc.StreamDesc{{StreamingClient: true}, {StreamingServer: true}} {
		stream, err := client.NewStream(patience(t), description, service, "Echo", nil)
		if err != nil {
			t.Fatal(err)
		}
		if description.StreamingClient {
			for range 5 {
				if err := stream.SendMsg(&ttrpc.KeyValue{Key: "more"}); err != nil {
					t.Fatal(err)
				}
			}
			if err := stream.CloseSend(); err != nil {
				t.Fatal(err)
			}
		}
		expectCode(t, stream.RecvMsg(&ttrpc.KeyValue{}), codes.Unimplemented, "unary")
	}
	expectEcho(t, client, "alive")
}

// ---- raw frames

func header(length int, stream uint32, kind, flags byte) []byte {
	bytes := binary.BigEndian.AppendUint32(nil, uint32(length))
	bytes = binary.BigEndian.AppendUint32(bytes, stream)
	return append(bytes, kind, flags)
}

func request(t *testing.T, service, method, key string, timeout time.Duration) []byte {
	t.Helper()
	payload, err := proto.Marshal(&ttrpc.KeyValue{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	data, err := proto.Marshal(&ttrpc.Request{
		Service: service, Method: method, Payload: payload, TimeoutNano: timeout.Nanoseconds()})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func send(t *testing.T, conn net.Conn, stream uint32, kind, flags byte, data []byte) {
	t.Helper()
	if _, err := conn.Write(append(header(len(data), stream, kind, flags), data...)); err != nil {
		t.Fatal(err)
	}
}

func expectStatus(t *testing.T, conn net.Conn, stream uint32, code codes.Code) {
	t.Helper()
	head := make([]byte, 10)
	if _, err := io.ReadFull(conn, head); err != nil {
		t.Fatalf("stream %d: %v", stream, err)
	}
	data := make([]byte, binary.BigEndian.Uint32(head))
	if _, err := io.ReadFull(conn, data); err != nil {
		t.Fatal(err)
	}
	response := &ttrpc.Response{}
	if err := proto.Unmarshal(data, response); err != nil {
		t.Fatal(err)
	}
	got := binary.BigEndian.Uint32(head[4:])
	if got != stream || head[8] != typeResponse || codes.Code(response.Status.GetCode()) != code {
		t.Fatalf("stream %d with %v was expected, not %d, type %d, %v", stream, code, got, head[8], response.Status)
	}
}

func expectAlive(t *testing.T, conn net.Conn, stream uint32) {
	t.Helper()
	send(t, conn, stream, typeRequest, 0, request(t, service, "Echo", "k", 0))
	expectStatus(t, conn, stream, codes.OK)
}

func TestOversizeRequest(t *testing.T) {
	conn := dial(t, startPeer(t))
	for i, size := range []int{messageMax + 1, 20 << 20} {
		stream := uint32(4*i + 1)
		send(t, conn, stream, typeRequest, 0, make([]byte, size))
		expectStatus(t, conn, stream, codes.ResourceExhausted)
		expectAlive(t, conn, stream+2)
	}
}

func TestBadFrames(t *testing.T) {
	conn := dial(t, startPeer(t))
	echo := request(t, service, "Echo", "k", 0)
	send(t, conn, 2, typeRequest, 0, echo)
	expectStatus(t, conn, 2, codes.InvalidArgument)
	expectAlive(t, conn, 5)
	send(t, conn, 5, typeRequest, 0, echo)
	expectStatus(t, conn, 5, codes.InvalidArgument)
	send(t, conn, 3, typeRequest, 0, echo)
	expectStatus(t, conn, 3, codes.InvalidArgument)
	send(t, conn, 7, typeRequest, 0, []byte("garbage"))
	expectStatus(t, conn, 7, codes.InvalidArgument)
	send(t, conn, 9, typeData, 0, []byte("data"))
	expectStatus(t, conn, 9, codes.InvalidArgument)
	send(t, conn, 9, 42, 0, []byte("a type of the future"))
	send(t, conn, 11, typeRequest, remoteOpen, echo)
	expectStatus(t, conn, 11, codes.Unimplemented)
	send(t, conn, 11, typeData, 0, []byte("data"))
	send(t, conn, 11, typeData, remoteClosed|noData, nil)
	expectAlive(t, conn, 13)
}

func TestFrameInPieces(t *testing.T) {
	conn := dial(t, startPeer(t))
	data := request(t, service, "Echo", "k", 0)
	for _, b := range append(header(len(data), 1, typeRequest, 0), data...) {
		if _, err := conn.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	expectStatus(t, conn, 1, codes.OK)
}

func TestHalfFrames(t *testing.T) {
	path := startPeer(t)
	for _, length := range []int{100, messageMax, 1<<32 - 1} {
		conn := dial(t, path)
		if _, err := conn.Write(append(header(length, 1, typeRequest, 0), "half"...)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	expectEcho(t, newClient(t, path), "alive")
}

// A client that sends and never reads is held back; others are served.
func TestClientThatNeverReads(t *testing.T) {
	path := startPeer(t)
	conn := dial(t, path)
	if err := conn.SetWriteDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var err error
	sent := 0
	for ; err == nil && sent < 100000; sent++ {
		data := request(t, service, "Grow", "100000", 0)
		_, err = conn.Write(append(header(len(data), uint32(2*sent+1), typeRequest, 0), data...))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d requests for 100 KB each were taken: %v", sent, err)
	}
	expectEcho(t, newClient(t, path), "alive")
}

// ---- our client against the Go server

func startGoServer(t *testing.T) string {
	t.Helper()
	path := socketPath(t)
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server, err := newServer()
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(context.Background(), listener)
	t.Cleanup(func() { server.Close() })
	return path
}

func TestOurClient(t *testing.T) {
	for name, path := range map[string]string{"Go server": startGoServer(t), "our server": startPeer(t)} {
		t.Run(name, func(t *testing.T) {
			output, err := exec.Command(program(t, "TTRPC_CALLER"), path).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, output)
			}
		})
	}
}

func TestOurClientUnderLoad(t *testing.T) {
	path := startGoServer(t)
	for _, load := range [][]string{
		{"--connections", "64", "--in-flight", "16", "--requests", "5000"},
		{"--connections", "1", "--in-flight", "1000", "--requests", "5000"},
		{"--connections", "2", "--in-flight", "4", "--requests", "40", "--size", "3000000"},
	} {
		arguments := append([]string{"--address", "unix://" + path}, load...)
		output, err := exec.Command(program(t, "TTRPC_LOAD"), arguments...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", load, err, output)
		}
	}
}
