package e2e

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// leftOut are the cases that this system cannot have, and why: lines of a name, a
// tab and the reason, in the file that HP_LEFT_OUT names. Linux has all.
var leftOut = sync.OnceValue(func() map[string]string {
	reasons := map[string]string{}
	path := os.Getenv("HP_LEFT_OUT")
	if path == "" {
		return reasons
	}
	data, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(strings.ReplaceAll(string(data), "\r", ""), "\n") {
		if name, reason, found := strings.Cut(line, "\t"); found {
			reasons[name] = reason
		}
	}
	return reasons
})

// mayRun skips a case that is left out here.
func mayRun(t *testing.T) {
	t.Helper()
	if reason, out := leftOut()[t.Name()]; out {
		t.Skip(reason)
	}
}

// sub is a case of a test. One whose body only another system has is nil here.
func sub(t *testing.T, name string, body func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		mayRun(t)
		if body == nil {
			t.Fatal("this system has no such case, and the list of those left out does not name it")
		}
		body(t)
	})
}

// anonymous reads a process's own memory in KiB out of Linux' words on it.
func anonymous(t *testing.T, status string) int {
	t.Helper()
	for _, line := range strings.Split(status, "\n") {
		var size int
		if n, _ := fmt.Sscanf(line, "RssAnon: %d kB", &size); n == 1 {
			return size
		}
	}
	t.Fatal("no RssAnon")
	return 0
}
