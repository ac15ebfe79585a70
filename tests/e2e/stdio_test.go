package e2e

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
)

var nullIO = cio.NullIO

// streams gives a task names that the test itself opens, or does not.
func streams(config cio.Config) cio.Creator {
	return func(string) (cio.IO, error) { return fixed{config}, nil }
}

type fixed struct{ config cio.Config }

func (f fixed) Config() cio.Config { return f.config }
func (f fixed) Cancel()            {}
func (f fixed) Wait()              {}
func (f fixed) Close() error       { return nil }

// readEnd is what a test reads a process's output from.
type readEnd interface {
	io.ReadCloser
	SetReadDeadline(time.Time) error
}

func TestStdio(t *testing.T) {
	sub(t, "8-MiB-burst-then-exit-byte-exact", func(t *testing.T) {
		b := shared.boot(t, spec(t, "sh", "-c", "head -c 8388608 /dev/zero | tr '\\0' x"), options{})
		if status := b.wait(); status != 0 {
			t.Errorf("status %d", status)
		}
		b.delete()
		if b.out.Len() != 8<<20 || strings.Trim(b.out.String(), "x") != "" {
			t.Errorf("%d bytes", b.out.Len())
		}
	})
	sub(t, "8-MiB-burst-of-an-exec", func(t *testing.T) {
		b := shared.boot(t, spec(t, "sleep", "1000"), options{})
		_, out, _ := b.exec("sh", "-c", "head -c 8388608 /dev/zero | tr '\\0' x")
		if len(out) != 8<<20 || strings.Trim(out, "x") != "" {
			t.Errorf("%d bytes", len(out))
		}
	})
	sub(t, "stdin-is-copied-to-its-end", func(t *testing.T) {
		text := strings.Repeat("a line of input\n", 10000)
		b := shared.boot(t, spec(t, "cat"), options{stdin: strings.NewReader(text)})
		eventually(t, "all came back", func() bool { return b.out.Len() == len(text) })
		if err := b.task.CloseIO(b.ctx, containerd.WithStdinCloser); err != nil {
			t.Fatal(err)
		}
		if status := b.wait(); status != 0 {
			t.Errorf("status %d", status)
		}
		b.delete()
		if b.out.String() != text {
			t.Errorf("%d bytes", b.out.Len())
		}
	})
	sub(t, "slow-reader", func(t *testing.T) {
		out, reader := outputPipe(t)
		b := shared.boot(t, spec(t, "sh", "-c", "head -c 1048576 /dev/zero; echo end"), options{creator: streams(cio.Config{Stdout: out})})
		hash, total := sha256.New(), 0
		piece := make([]byte, 16<<10)
		_ = reader.SetReadDeadline(time.Now().Add(patience))
		for total < 1048580 {
			n, err := reader.Read(piece)
			total += n
			hash.Write(piece[:n])
			if err != nil && err != io.EOF {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		want := sha256.Sum256(append(make([]byte, 1048576), "end\n"...))
		if !bytes.Equal(hash.Sum(nil), want[:]) {
			t.Errorf("%d bytes that differ", total)
		}
		b.wait()
	})
	sub(t, "a-reader-that-is-gone-does-not-kill", func(t *testing.T) {
		out, reader := outputPipe(t)
		b := shared.boot(t, spec(t, "sh", "-c", "echo one; sleep 0.5; echo two; exit 4"), options{creator: streams(cio.Config{Stdout: out})})
		eventually(t, "the first line", func() bool {
			n, _ := reader.Read(make([]byte, 4))
			return n == 4
		})
		_ = reader.Close()
		if status := b.wait(); status != 4 {
			t.Errorf("status %d, not 4: a reader's end reached the program", status)
		}
	})
	sub(t, "a-writer-detaches-and-another-attaches", func(t *testing.T) {
		in, out := fifo(t, "in"), fifo(t, "out")
		reader := openFIFO(t, out, os.O_RDONLY)
		b := shared.boot(t, spec(t, "cat"), options{creator: streams(cio.Config{Stdin: in, Stdout: out})})
		var got buffer
		go func() { _, _ = io.Copy(&got, reader) }()
		for _, text := range []string{"first\n", "second\n"} {
			writer := openFIFO(t, in, os.O_WRONLY)
			if _, err := writer.WriteString(text); err != nil {
				t.Fatal(err)
			}
			_ = writer.Close()
			eventually(t, "the echo of "+text, func() bool { return strings.HasSuffix(got.String(), text) })
		}
		if err := b.task.CloseIO(b.ctx, containerd.WithStdinCloser); err != nil {
			t.Fatal(err)
		}
		if status := b.wait(); status != 0 {
			t.Errorf("status %d", status)
		}
	})
	sub(t, "file", func(t *testing.T) {
		path := filepath.Join(image(t), "logs", "out.log")
		uri := fileURI(path)
		b := shared.boot(t, spec(t, "sh", "-c", "echo out; echo err >&2"), options{creator: streams(cio.Config{Stdout: uri, Stderr: uri})})
		b.wait()
		b.delete()
		data, err := os.ReadFile(path)
		if err != nil || string(data) != "out\nerr\n" {
			t.Errorf("%q, %v", data, err)
		}
	})
	sub(t, "terminal", func(t *testing.T) {
		s := spec(t, "sh", "-c", "test -t 0 && read line && echo got-$line")
		s.Process.Terminal = true
		b := shared.boot(t, s, options{terminal: true, stdin: &late{text: "hello" + enterKey}})
		eventually(t, "the terminal answers", func() bool { return strings.Contains(b.out.String(), "got-hello") })
		b.wait()
		b.delete()
	})
	sub(t, "terminal-is-resized", func(t *testing.T) {
		s := spec(t, "sh", "-c", "while :; do stty size; sleep 0.05; done")
		s.Process.Terminal = true
		b := shared.boot(t, s, options{terminal: true})
		if err := b.task.Resize(b.ctx, 132, 43); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the new size", func() bool { return strings.Contains(b.out.String(), "43 132") })
		b.kill(syscall.SIGKILL)
		b.wait()
	})
	for _, scheme := range []string{"binary", "binary-v2"} {
		sub(t, scheme, func(t *testing.T) {
			dir := image(t)
			log := filepath.Join(dir, "log")
			uri := (&url.URL{Scheme: scheme, Path: urlPath(loggingProgram(t, dir, scheme)), RawQuery: "to=" + url.QueryEscape(log)}).String()
			b := shared.boot(t, spec(t, "sh", "-c", "echo out; echo err >&2"), options{creator: streams(cio.Config{Stdout: uri, Stderr: uri})})
			b.wait()
			b.delete()
			for file, want := range map[string]string{"out": "out\n", "err": "err\n", "args": "to " + log + "\n"} {
				eventually(t, "the logger wrote "+file, func() bool {
					data, _ := os.ReadFile(log + "." + file)
					return string(data) == want
				})
			}
			environment, _ := os.ReadFile(log + ".env")
			if !strings.Contains(string(environment), "CONTAINER_ID="+b.id) || !strings.Contains(string(environment), "CONTAINER_NAMESPACE="+shared.namespace) {
				t.Errorf("environment %q", environment)
			}
		})
	}
	sub(t, "a-logger-that-fails", func(t *testing.T) {
		program := failingProgram()
		uri := (&url.URL{Scheme: "binary", Path: urlPath(program)}).String()
		_, err := shared.create(t, spec(t, "true"), options{creator: streams(cio.Config{Stdout: uri})})
		if err == nil || !strings.Contains(err.Error(), program) {
			t.Errorf("create with a logger that fails: %v", err)
		}
	})
	sub(t, "many-containers-writing-at-once", func(t *testing.T) {
		var group sync.WaitGroup
		for range 20 {
			b, err := shared.create(t, spec(t, "sh", "-c", "head -c 1000000 /dev/zero"), options{})
			if err != nil {
				t.Fatal(err)
			}
			group.Go(func() {
				if err := b.task.Start(b.ctx); err != nil {
					t.Error(err)
					return
				}
				if status := <-b.exit; status.ExitCode() != 0 {
					t.Errorf("status %d", status.ExitCode())
				}
				if _, err := b.task.Delete(b.ctx); err != nil {
					t.Error(err)
				}
				b.task = nil
				if b.out.Len() != 1000000 {
					t.Errorf("%d bytes", b.out.Len())
				}
			})
		}
		group.Wait()
	})
	sub(t, "no-streams-at-all", func(t *testing.T) {
		b := shared.boot(t, spec(t, "sh", "-c", "echo into nothing; cat; exit 6"), options{creator: nullIO})
		if status := b.wait(); status != 6 {
			t.Errorf("status %d", status)
		}
	})
}

// late hands out its text once, and then nothing until the test is over.
type late struct {
	text string
	done bool
}

func (l *late) Read(p []byte) (int, error) {
	if l.done {
		time.Sleep(patience)
		return 0, io.EOF
	}
	l.done = true
	return copy(p, l.text), nil
}
