package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/Microsoft/go-winio"
	"github.com/containerd/containerd/v2/pkg/cio"
)

// The streams and addresses of Windows.

// urlPath is a path as a URL has it.
func urlPath(path string) string { return "/" + filepath.ToSlash(path) }

func fileURI(path string) string { return "file://" + urlPath(path) }

// loggingProgram makes one that writes both streams to files, and returns its path.
func loggingProgram(_ *testing.T, _, scheme string) string {
	return filepath.Join(toolsDir, map[string]string{"binary": "logger.exe", "binary-v2": "logger-v2.exe"}[scheme])
}

// log takes what the shim of a bundle, which is to be started, logs.
func (h *hand) log(id, _ string) *buffer {
	log := &buffer{}
	done := make(chan struct{})
	h.t.Cleanup(func() { close(done) })
	go func() {
		for {
			if connection, err := tryDial(`\\.\pipe\containerd-shim-` + h.namespace + "-" + id + "-log"); err == nil {
				_, _ = io.Copy(log, connection)
				_ = connection.Close()
				return
			}
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return log
}

// failingProgram fails whatever it is called for.
func failingProgram() string { return filepath.Join(toolsDir, "false.exe") }

func dial(address string) (net.Conn, error) {
	limit := patience
	return winio.DialPipe(address, &limit)
}

// receiverAddress is where a test that plays containerd takes events.
func receiverAddress(dir string) string { return serverAddress(dir) + "-events" }

func listenAt(address string) (net.Listener, error) { return winio.ListenPipe(address, nil) }

// gate holds up a script until the test opens it: the script's line, and what opens it.
func gate(t *testing.T, dir string, number int) (line string, open func()) {
	t.Helper()
	path := filepath.Join(dir, fmt.Sprint("go", number))
	return "until test -e '" + path + "'; do sleep 0.1; done", func() { write(t, path, "go\n", 0o600) }
}

// tryDial connects, if somebody serves.
func tryDial(address string) (net.Conn, error) {
	limit := time.Second
	return winio.DialPipe(address, &limit)
}

// pipes are the streams of a process as pipes that the test serves, named as
// containerd's client library names them. That library's own do not tell when
// they have ended.
type pipes struct {
	config  cio.Config
	mutex   sync.Mutex
	closers []io.Closer
	outputs sync.WaitGroup
}

// clientStreams are the streams of a process, as a client of containerd makes them.
func clientStreams(_ *server, in io.Reader, out, err io.Writer, terminal bool) cio.Creator {
	return func(id string) (cio.IO, error) {
		p := &pipes{config: cio.Config{Terminal: terminal}}
		prefix := fmt.Sprintf("%shp-e2e-%d-%s-", pipePrefix, serial.Add(1), id)
		var failure error
		if in != nil {
			p.config.Stdin = prefix + "stdin"
			failure = p.serve(p.config.Stdin, func(c net.Conn) {
				if c != nil {
					_, _ = io.Copy(c, in)
					_ = c.Close()
				}
			})
		}
		if failure == nil {
			p.config.Stdout = prefix + "stdout"
			failure = p.output(p.config.Stdout, out)
		}
		if failure == nil && !terminal {
			p.config.Stderr = prefix + "stderr"
			failure = p.output(p.config.Stderr, err)
		}
		if failure != nil {
			_ = p.Close()
			return nil, failure
		}
		return p, nil
	}
}

func (p *pipes) output(name string, to io.Writer) error {
	p.outputs.Add(1)
	return p.serve(name, func(c net.Conn) {
		defer p.outputs.Done()
		if c != nil {
			_, _ = io.Copy(to, c)
		}
	})
}

// serve takes one client; use gets nil when none comes.
func (p *pipes) serve(name string, use func(net.Conn)) error {
	listener, err := listenAt(name)
	if err != nil {
		use(nil)
		return err
	}
	p.keep(listener)
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			use(nil)
			return
		}
		p.keep(connection)
		use(connection)
	}()
	return nil
}

func (p *pipes) keep(c io.Closer) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.closers = append(p.closers, c)
}

func (p *pipes) Config() cio.Config { return p.config }
func (p *pipes) Wait()              { p.outputs.Wait() }
func (p *pipes) Cancel()            { _ = p.Close() }

func (p *pipes) Close() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, c := range p.closers {
		_ = c.Close()
	}
	p.closers = nil
	return nil
}

// servedOutput is a pipe that a process writes to, once it has come.
type servedOutput struct {
	listener   net.Listener
	come       chan struct{}
	connection net.Conn
	deadline   time.Time
}

// outputPipe is a stream that the test itself reads: its name and the end to read from.
func outputPipe(t *testing.T) (string, readEnd) {
	t.Helper()
	name := fmt.Sprintf("%shp-e2e-out-%d-%s", pipePrefix, serial.Add(1), shared.namespace)
	listener, err := listenAt(name)
	if err != nil {
		t.Fatal(err)
	}
	s := &servedOutput{listener: listener, come: make(chan struct{})}
	t.Cleanup(func() { _ = s.Close() })
	go func() {
		s.connection, _ = listener.Accept()
		close(s.come)
	}()
	return name, s
}

func (s *servedOutput) Read(p []byte) (int, error) {
	<-s.come
	if s.connection == nil {
		return 0, io.EOF
	}
	if err := s.connection.SetReadDeadline(s.deadline); err != nil {
		return 0, err
	}
	return s.connection.Read(p)
}

func (s *servedOutput) SetReadDeadline(deadline time.Time) error {
	s.deadline = deadline
	return nil
}

func (s *servedOutput) Close() error {
	err := s.listener.Close()
	<-s.come
	if s.connection != nil {
		_ = s.connection.Close()
	}
	return err
}

// openPipe is a stream whose other end is held open for everyone, and read if
// drain says so.
func openPipe(t *testing.T, dir, name string, drain bool) string {
	t.Helper()
	path := serverAddress(dir) + "-" + name
	listener, err := listenAt(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			if drain {
				go func() { _, _ = io.Copy(io.Discard, connection) }()
			}
		}
	}()
	return path
}

// missingPipe is a stream's name that nobody serves.
func missingPipe(dir string) string { return serverAddress(dir) + "-nosuch" }

// Windows has no FIFOs in folders: the cases about them are left out.
var (
	fifo     func(t *testing.T, name string) string
	openFIFO func(t *testing.T, path string, flags int) *os.File
)
