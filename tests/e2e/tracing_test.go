package e2e

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc/metadata"
)

// containerd's own tracing, with a collector that takes its spans over OTLP: the
// shim's lines carry the trace of the client's request, as containerd's spans do.
// containerd before 2.0 hands no trace on to shims.
func TestTracing(t *testing.T) {
	var spans buffer
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = spans.Write(body)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	s := own(t)
	version, err := s.client.Version(s.context())
	if err != nil {
		t.Fatal(err)
	}
	b := s.boot(t, spec(t, "sleep", "1000"), options{})
	ctx := metadata.AppendToOutgoingContext(s.context(), "traceparent", "00-"+aTrace+"-b7ad6b7169203331-01")
	if err := b.task.Kill(ctx, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.wait()
	b.delete()
	line := func() string {
		log, _ := os.ReadFile(filepath.Join(s.dir, "containerd.log"))
		for _, line := range linesOf(string(log), "id="+b.id) {
			if strings.Contains(line, `msg="signal 9 is sent`) {
				return line
			}
		}
		return ""
	}
	eventually(t, "the signal's line", func() bool { return line() != "" })
	handed := !strings.HasPrefix(strings.TrimPrefix(version.Version, "v"), "1.")
	if strings.HasSuffix(line(), " trace_id="+aTrace) != handed {
		t.Errorf("containerd %s: %s", version.Version, line())
	}
	id, _ := hex.DecodeString(aTrace)
	if handed {
		eventually(t, "containerd's spans have the trace", func() bool { return bytes.Contains([]byte(spans.String()), id) })
	}
}
