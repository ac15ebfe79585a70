package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// podSpec and containerSpec are what a manifest says; kubelet's translation into
// the CRI is below and in cri_linux_test.go and cri_windows_test.go.
type podSpec struct {
	name, runAs string
	annotations map[string]string
	ordinary    bool // no HostProcess pod
}

type containerSpec struct {
	name, image, runAs, workingDir string
	attempt                        uint32
	command, args                  []string
	env                            map[string]string
	stdin, stdinOnce, tty          bool
	memory                         int64             // limits.memory in bytes
	mounts                         map[string]string // volumeMounts: paths in the container to folders of the host, all read-only
	annotations                    map[string]string
	ordinary                       bool // no HostProcess container
}

// sh is a container that runs a script.
func sh(name, script string) containerSpec {
	return containerSpec{name: name, command: []string{"sh", "-c", script}}
}

// pod is a running sandbox.
type pod struct {
	k      *kubelet
	id     string
	config *cri.PodSandboxConfig
	spec   podSpec
	ended  bool
	stays  bool // with containerd, which could not remove what is its own
}

// member is a container of it.
type member struct {
	p       *pod
	id, log string
}

// podConfig translates a pod.
func (k *kubelet) podConfig(spec podSpec) *cri.PodSandboxConfig {
	uid := newID(k.t)
	config := &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: spec.name, Uid: uid, Namespace: "default"},
		Hostname:     "node",
		LogDirectory: filepath.Join(k.s.dir, "pod-logs", uid),
		Annotations:  map[string]string{},
		Labels:       map[string]string{"io.kubernetes.pod.name": spec.name, "io.kubernetes.pod.namespace": "default", "io.kubernetes.pod.uid": uid},
	}
	for key, value := range spec.annotations {
		config.Annotations[key] = value
	}
	if err := os.MkdirAll(config.LogDirectory, 0o755); err != nil {
		k.t.Fatal(err)
	}
	translatePod(k, config, spec)
	return config
}

// tryRun is RunPodSandbox; the test's end stops and removes the pod.
func (k *kubelet) tryRun(spec podSpec) (*pod, error) {
	k.t.Helper()
	p := &pod{k: k, config: k.podConfig(spec), spec: spec}
	k.t.Cleanup(func() { removePodCgroup(p.config) })
	response, err := k.runs.RunPodSandbox(k.ctx, &cri.RunPodSandboxRequest{Config: p.config, RuntimeHandler: k.handler})
	if err != nil {
		return nil, err
	}
	p.id = response.PodSandboxId
	k.t.Cleanup(p.end)
	return p, nil
}

func (k *kubelet) run(spec podSpec) *pod {
	k.t.Helper()
	p, err := k.tryRun(spec)
	if err != nil {
		k.t.Fatal("RunPodSandbox: ", err)
	}
	return p
}

// end stops and removes the pod, as kubelet does when it is deleted.
func (p *pod) end() {
	p.k.t.Helper()
	if p.ended {
		return
	}
	p.ended = true
	if _, err := p.k.runs.StopPodSandbox(p.k.ctx, &cri.StopPodSandboxRequest{PodSandboxId: p.id}); err != nil {
		p.k.t.Error("StopPodSandbox: ", err)
	}
	_, err := p.k.runs.RemovePodSandbox(p.k.ctx, &cri.RemovePodSandboxRequest{PodSandboxId: p.id})
	if p.stays = err != nil && cannotRemove(p, err); err != nil && !p.stays {
		p.k.t.Error("RemovePodSandbox: ", err)
	}
	_ = os.RemoveAll(p.config.LogDirectory)
}

func (p *pod) state() cri.PodSandboxState {
	p.k.t.Helper()
	status, err := p.k.runs.PodSandboxStatus(p.k.ctx, &cri.PodSandboxStatusRequest{PodSandboxId: p.id})
	if err != nil {
		p.k.t.Fatal("PodSandboxStatus: ", err)
	}
	return status.Status.State
}

// create is CreateContainer.
func (p *pod) create(spec containerSpec) (*member, error) {
	p.k.t.Helper()
	if spec.image == "" {
		spec.image = appImage
	}
	config := &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: spec.name, Attempt: spec.attempt}, Image: &cri.ImageSpec{Image: spec.image},
		Command: spec.command, Args: spec.args, WorkingDir: spec.workingDir,
		LogPath: fmt.Sprintf("%s_%d.log", spec.name, spec.attempt), Annotations: map[string]string{},
		Labels: map[string]string{"io.kubernetes.container.name": spec.name},
		Stdin:  spec.stdin, StdinOnce: spec.stdinOnce, Tty: spec.tty,
	}
	for key, value := range spec.annotations {
		config.Annotations[key] = value
	}
	for key, value := range spec.env {
		config.Envs = append(config.Envs, &cri.KeyValue{Key: key, Value: []byte(value)})
	}
	for path, folder := range spec.mounts {
		config.Mounts = append(config.Mounts, &cri.Mount{ContainerPath: path, HostPath: folder, Readonly: true})
	}
	translateContainer(config, p, spec)
	created, err := p.k.runs.CreateContainer(p.k.ctx, &cri.CreateContainerRequest{PodSandboxId: p.id, SandboxConfig: p.config, Config: config})
	if err != nil {
		return nil, err
	}
	return &member{p: p, id: created.ContainerId, log: filepath.Join(p.config.LogDirectory, config.LogPath)}, nil
}

// try is CreateContainer and StartContainer.
func (p *pod) try(spec containerSpec) (*member, error) {
	p.k.t.Helper()
	m, err := p.create(spec)
	if err != nil {
		return nil, fmt.Errorf("CreateContainer: %w", err)
	}
	if _, err := p.k.runs.StartContainer(p.k.ctx, &cri.StartContainerRequest{ContainerId: m.id}); err != nil {
		return m, fmt.Errorf("StartContainer: %w", err)
	}
	return m, nil
}

func (p *pod) start(spec containerSpec) *member {
	p.k.t.Helper()
	m, err := p.try(spec)
	if err != nil {
		p.k.t.Fatal(err)
	}
	return m
}

func (m *member) status() *cri.ContainerStatus {
	m.p.k.t.Helper()
	status, err := m.p.k.runs.ContainerStatus(m.p.k.ctx, &cri.ContainerStatusRequest{ContainerId: m.id})
	if err != nil {
		m.p.k.t.Fatal("ContainerStatus: ", err)
	}
	return status.Status
}

// exited waits for the container's end.
func (m *member) exited() *cri.ContainerStatus {
	m.p.k.t.Helper()
	eventually(m.p.k.t, "the container has exited", func() bool { return m.status().State == cri.ContainerState_CONTAINER_EXITED })
	return m.status()
}

func (m *member) stop(grace int64) *cri.ContainerStatus {
	m.p.k.t.Helper()
	if _, err := m.p.k.runs.StopContainer(m.p.k.ctx, &cri.StopContainerRequest{ContainerId: m.id, Timeout: grace}); err != nil {
		m.p.k.t.Fatal("StopContainer: ", err)
	}
	return m.status()
}

func (m *member) remove() {
	m.p.k.t.Helper()
	if _, err := m.p.k.runs.RemoveContainer(m.p.k.ctx, &cri.RemoveContainerRequest{ContainerId: m.id}); err != nil {
		m.p.k.t.Fatal("RemoveContainer: ", err)
	}
}

// probe is an exec probe: ExecSync.
func (m *member) probe(command ...string) (*cri.ExecSyncResponse, error) {
	return m.p.k.runs.ExecSync(m.p.k.ctx, &cri.ExecSyncRequest{ContainerId: m.id, Cmd: command, Timeout: 60})
}

// says is what a probe prints; it must succeed.
func (m *member) says(command ...string) string {
	m.p.k.t.Helper()
	response, err := m.probe(command...)
	if err != nil || response.ExitCode != 0 {
		m.p.k.t.Fatalf("%q: %v, %v", command, response, err)
	}
	return unix(string(response.Stdout))
}

// logLine is a line of a container's log on disk, in CRI's format.
type logLine struct {
	at           time.Time
	stream, text string
	partial      bool
}

// readLog reads a log file; every line of it must be of the format.
func (m *member) readLog(path string) (lines []logLine) {
	m.p.k.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		m.p.k.t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		if line == "" && len(data) == 0 {
			break
		}
		fields := strings.SplitN(line, " ", 4)
		if len(fields) != 4 || (fields[1] != "stdout" && fields[1] != "stderr") || (fields[2] != "F" && fields[2] != "P") {
			m.p.k.t.Fatalf("%s: %.80q is no line of a CRI log", path, line)
		}
		at, err := time.Parse(time.RFC3339Nano, fields[0])
		if err != nil {
			m.p.k.t.Fatalf("%s: %v", path, err)
		}
		lines = append(lines, logLine{at, fields[1], fields[3], fields[2] == "P"})
	}
	return lines
}

// text is what one stream's lines of the log say, a line each.
func (m *member) text(stream string) string {
	m.p.k.t.Helper()
	var text strings.Builder
	for _, line := range m.readLog(m.log) {
		if line.stream != stream {
			continue
		}
		text.WriteString(line.text)
		if !line.partial {
			text.WriteByte('\n')
		}
	}
	return text.String()
}

// logs waits until the log says what is wanted on a stream.
func (m *member) logs(stream, want string) {
	m.p.k.t.Helper()
	eventually(m.p.k.t, fmt.Sprintf("the log's %s is %q; %q", stream, want, m.text(stream)), func() bool { return m.text(stream) == want })
}

// has waits until the log has a word.
func (m *member) has(word string) {
	m.p.k.t.Helper()
	eventually(m.p.k.t, "the log has "+word, func() bool { return strings.Contains(m.text("stdout"), word) })
}

// longSleep is a command that no other run has.
func longSleep() string { return fmt.Sprintf("sleep 1%08d", time.Now().UnixNano()%1e8) }

// unix has a text's lines end as Unix ends them.
func unix(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }
