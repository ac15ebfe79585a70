package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/containerd/containerd/v2/pkg/cio"
)

// The streams and addresses of Linux.

func fileURI(path string) string { return "file://" + path }

// loggingProgram makes one that writes both streams to files, and returns its path.
func loggingProgram(t *testing.T, dir, scheme string) string {
	t.Helper()
	ready := "exec 5>&-"
	if scheme == "binary-v2" {
		ready = "printf x >&5; exec 5>&-"
	}
	path := filepath.Join(dir, "logger")
	write(t, path, "#!/bin/sh\nenv > $2.env; echo \"$@\" > $2.args; "+ready+"\ncat <&3 > $2.out & cat <&4 > $2.err & wait\n", 0o755)
	return path
}

// log takes what the shim of a bundle, which is to be started, logs.
func (h *hand) log(_, bundle string) *buffer {
	h.t.Helper()
	path := filepath.Join(bundle, "log")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		h.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = f.Close() })
	log := &buffer{}
	go func() { _, _ = io.Copy(log, f) }()
	return log
}

// failingProgram fails whatever it is called for.
func failingProgram() string { return "/bin/false" }

func dial(address string) (net.Conn, error) {
	return net.Dial("unix", strings.TrimPrefix(address, addressPrefix))
}

// receiverAddress is where a test that plays containerd takes events.
func receiverAddress(dir string) string { return filepath.Join(dir, "events.sock") }

func listenAt(address string) (net.Listener, error) { return net.Listen("unix", address) }

// clientStreams are the streams of a process, as containerd's client library makes them.
func clientStreams(s *server, in io.Reader, out, err io.Writer, terminal bool) cio.Creator {
	if terminal {
		return cio.NewCreator(cio.WithStreams(in, out, nil), cio.WithTerminal, cio.WithFIFODir(s.dir))
	}
	return cio.NewCreator(cio.WithStreams(in, out, err), cio.WithFIFODir(s.dir))
}

// missingPipe is a stream's name that nobody serves.
func missingPipe(dir string) string { return filepath.Join(dir, "nosuch") }

func fifo(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(image(t), name)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// openFIFO opens an end that never waits for the other.
func openFIFO(t *testing.T, path string, flags int) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, flags|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// outputPipe is a stream that the test itself reads: its name and the end to read from.
func outputPipe(t *testing.T) (string, readEnd) {
	t.Helper()
	path := fifo(t, "out")
	return path, openFIFO(t, path, os.O_RDONLY)
}

// gate holds up a script until the test opens it: the script's line, and what opens it.
func gate(t *testing.T, dir string, number int) (line string, open func()) {
	t.Helper()
	path := fmt.Sprintf("%s/go%d", dir, number)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	// The writer waits for its container to read: it goes on soon after.
	return "read go <" + path, func() { write(t, path, "go\n", 0o600) }
}

// urlPath is a path as a URL has it.
func urlPath(path string) string { return path }

// openPipe is a stream whose other end is held open for everyone, and read if
// drain says so.
func openPipe(t *testing.T, dir, name string, drain bool) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	if drain {
		go func() { _, _ = io.Copy(io.Discard, file) }()
	}
	return path
}

// tryDial connects, if somebody serves.
func tryDial(address string) (net.Conn, error) { return dial(address) }
