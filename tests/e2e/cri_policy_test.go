package e2e

import (
	"os"
	"strings"
	"testing"
)

// A runtime's own options name the node policy (ConfigPath), which wins over the
// environment's and is read anew for each container.
func TestCRIPolicy(t *testing.T) {
	node, err := oneKubelet()
	if err != nil {
		t.Fatal("no kubelet: ", err)
	}
	k := node.of(t, "policy")
	set := func(text string) {
		t.Helper()
		write(t, k.s.runtimePolicy(), text, 0o644)
	}
	t.Cleanup(func() { _ = os.Remove(k.s.runtimePolicy()) })

	set("{\n  \"accounts\": [\"NT AUTHORITY\\\\LocalService\", \"65534\"]\n}\n")
	p := k.run(podSpec{name: "policy"})
	allowed, refused := sh("allowed", "exit 0"), sh("refused", "exit 0") // the second as SYSTEM, or uid 0
	allowed.runAs = localService
	p.start(allowed).exited()
	want := "\"accounts\" (line 2 of the node policy " + k.s.runtimePolicy() + ")"
	if _, err := p.try(refused); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, not %s", err, want)
	}
	set("{}")
	refused.attempt = 1
	p.start(refused).exited()
}
