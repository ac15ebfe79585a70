package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/websocket"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// The streaming of Exec and Attach, at the address that the CRI's answer names: over
// SPDY as kubectl and kubelet have had it for long, and over a websocket.

const streamProtocol = "v4.channel.k8s.io"

type terminalSize struct{ Width, Height uint16 }

type stream struct {
	in       io.Reader
	out, err io.Writer
	tty      bool
	sizes    <-chan terminalSize
}

// streamStatus is how a command's end is told.
type streamStatus struct {
	Status, Message, Reason string
	Details                 struct {
		Causes []struct{ Reason, Message string }
	}
}

// exit reads it.
func (s streamStatus) exit() (int, error) {
	if s.Status == "Success" {
		return 0, nil
	}
	for _, cause := range s.Details.Causes {
		if s.Reason == "NonZeroExitCode" && cause.Reason == "ExitCode" {
			return strconv.Atoi(cause.Message)
		}
	}
	return -1, fmt.Errorf("%s: %s", s.Reason, s.Message)
}

// execURL asks where the streams of an exec are.
func (m *member) execURL(s stream, command ...string) (string, error) {
	response, err := m.p.k.runs.Exec(m.p.k.ctx, &cri.ExecRequest{ContainerId: m.id, Cmd: command, Tty: s.tty,
		Stdin: s.in != nil, Stdout: true, Stderr: !s.tty})
	return response.GetUrl(), err
}

func (m *member) attachURL(s stream) (string, error) {
	response, err := m.p.k.runs.Attach(m.p.k.ctx, &cri.AttachRequest{ContainerId: m.id, Tty: s.tty,
		Stdin: s.in != nil, Stdout: true, Stderr: !s.tty})
	return response.GetUrl(), err
}

// exec runs a command with streams to its end.
func (m *member) exec(s stream, command ...string) (int, error) {
	url, err := m.execURL(s, command...)
	if err != nil {
		return -1, err
	}
	return s.spdy(url)
}

// spdy runs the streams to their end.
func (s stream) spdy(url string) (int, error) {
	request, err := http.NewRequest(http.MethodPost, url, nil)
	if err != nil {
		return -1, err
	}
	request.Header.Set(httpstream.HeaderProtocolVersion, streamProtocol)
	upgrade, err := spdy.NewRoundTripper(nil)
	if err != nil {
		return -1, err
	}
	response, err := upgrade.RoundTrip(request)
	if err != nil {
		return -1, err
	}
	defer func() { _ = response.Body.Close() }()
	connection, err := upgrade.NewConnection(response)
	if err != nil {
		return -1, err
	}
	defer func() { _ = connection.Close() }()
	open := func(kind string) (httpstream.Stream, error) {
		return connection.CreateStream(http.Header{"streamType": {kind}})
	}
	failed, err := open("error")
	if err != nil {
		return -1, err
	}
	var outputs sync.WaitGroup
	if err := s.plug(open, &outputs); err != nil {
		return -1, err
	}
	said := make(chan []byte, 1)
	go func() {
		data, _ := io.ReadAll(failed)
		said <- data
	}()
	select {
	case data := <-said:
		outputs.Wait()
		if len(data) == 0 {
			return 0, nil // an attachment ends so
		}
		var status streamStatus
		if err := json.Unmarshal(data, &status); err != nil {
			return -1, fmt.Errorf("%q: %w", data, err)
		}
		return status.exit()
	case <-time.After(patience):
		return -1, errors.New("the streams do not end")
	}
}

// plug opens the streams in the order in which they are expected.
func (s stream) plug(open func(kind string) (httpstream.Stream, error), outputs *sync.WaitGroup) error {
	if s.in != nil {
		in, err := open("stdin")
		if err != nil {
			return err
		}
		go func() {
			_, _ = io.Copy(in, s.in)
			_ = in.Close()
		}()
	}
	for kind, to := range map[string]io.Writer{"stdout": s.out, "stderr": s.err} {
		if kind == "stderr" && s.tty {
			continue
		}
		from, err := open(kind)
		if err != nil {
			return err
		}
		outputs.Go(func() { _, _ = io.Copy(to, from) })
	}
	if s.tty {
		resize, err := open("resize")
		if err != nil {
			return err
		}
		go func() {
			encoder := json.NewEncoder(resize)
			for size := range s.sizes {
				_ = encoder.Encode(size)
			}
		}()
	}
	return nil
}

// websocket does the same over frames, whose first byte is the stream; the input
// has no end of its own there.
func (s stream) websocket(url string) (int, error) {
	config, err := websocket.NewConfig(strings.Replace(url, "http", "ws", 1), "http://localhost")
	if err != nil {
		return -1, err
	}
	config.Protocol = []string{streamProtocol}
	connection, err := websocket.DialConfig(config)
	if err != nil {
		return -1, err
	}
	defer func() { _ = connection.Close() }()
	if s.in != nil {
		text, err := io.ReadAll(s.in)
		if err == nil {
			err = websocket.Message.Send(connection, append([]byte{0}, text...))
		}
		if err != nil {
			return -1, err
		}
	}
	_ = connection.SetReadDeadline(time.Now().Add(patience))
	for {
		var frame []byte
		if err := websocket.Message.Receive(connection, &frame); err != nil {
			return -1, err
		}
		switch {
		case len(frame) < 2:
		case frame[0] == 1:
			_, _ = s.out.Write(frame[1:])
		case frame[0] == 2:
			_, _ = s.err.Write(frame[1:])
		case frame[0] == 3:
			var status streamStatus
			if err := json.Unmarshal(frame[1:], &status); err != nil {
				return -1, err
			}
			return status.exit()
		}
	}
}
