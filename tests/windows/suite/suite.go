// Package suite runs the kit's cases one after another and reports them: a case
// that fails, skips itself or hangs does not stop the others.
package suite

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// Case is one thing that is shown, and the row of the contract that promises it.
type Case struct {
	Name string
	Row  string
	Run  func(*T)
}

// Result is what became of a case.
type Result struct {
	Group, Name, Row string
	Seconds          float64
	Failures         []string
	Skipped          string // the reason; empty if it was not skipped
	Log              []string
}

// Passed says whether the case ran and nothing in it failed.
func (r Result) Passed() bool { return len(r.Failures) == 0 && r.Skipped == "" }

// T is what a case reports to. Fatalf and Skipf end it.
type T struct {
	Context  context.Context
	Name     string
	mutex    sync.Mutex
	result   Result
	cleanups []func()
}

func (t *T) Logf(format string, args ...any) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.result.Log = append(t.result.Log, fmt.Sprintf(format, args...))
}

func (t *T) Errorf(format string, args ...any) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.result.Failures = append(t.result.Failures, fmt.Sprintf(format, args...))
}

func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	runtime.Goexit()
}

func (t *T) Skipf(format string, args ...any) {
	t.mutex.Lock()
	t.result.Skipped = fmt.Sprintf(format, args...)
	t.mutex.Unlock()
	runtime.Goexit()
}

// Cleanup runs f when the case has ended, last first.
func (t *T) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

// Eventually waits for a condition until the case's time is up; what names it.
func (t *T) Eventually(what string, condition func() bool) {
	for !condition() {
		select {
		case <-t.Context.Done():
			t.Fatalf("not in time: %s", what)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (t *T) snapshot() Result {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	r := t.result
	r.Failures = append([]string(nil), r.Failures...)
	r.Log = append([]string(nil), r.Log...)
	return r
}

// clean runs the clean-ups, each in a goroutine of its own: one may give up by Fatalf.
func (t *T) clean() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		done := make(chan struct{})
		go func(f func()) {
			defer close(done)
			defer t.catch()
			f()
		}(t.cleanups[i])
		<-done
	}
}

func (t *T) catch() {
	if problem := recover(); problem != nil {
		t.Errorf("panic: %v\n%s", problem, debug.Stack())
	}
}

// grace is how long a case may clean up after its time is up.
const grace = 2 * time.Minute

func run(group string, c Case, limit time.Duration) Result {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	t := &T{Context: ctx, Name: group + "/" + c.Name}
	begin := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer t.clean()
		defer t.catch()
		c.Run(t)
	}()
	select {
	case <-done:
	case <-time.After(limit + grace):
		t.Errorf("it did not end in %v", limit+grace)
	}
	r := t.snapshot()
	r.Group, r.Name, r.Row, r.Seconds = group, c.Name, c.Row, time.Since(begin).Seconds()
	return r
}

// Run runs the cases whose group/name the pattern matches, and tells each
// outcome as it comes.
func Run(group string, cases []Case, only *regexp.Regexp, limit time.Duration, progress io.Writer) []Result {
	var results []Result
	for _, c := range cases {
		if !only.MatchString(group + "/" + c.Name) {
			continue
		}
		r := run(group, c, limit)
		fmt.Fprintf(progress, "%-4s %s/%s (%.1f s)%s\n", r.verdict(), group, c.Name, r.Seconds, indent(r))
		results = append(results, r)
	}
	return results
}

func (r Result) verdict() string {
	switch {
	case len(r.Failures) > 0:
		return "FAIL"
	case r.Skipped != "":
		return "SKIP"
	}
	return "ok"
}

func indent(r Result) string {
	lines := append(append([]string(nil), r.Failures...), r.Log...)
	if r.Skipped != "" {
		lines = append(lines, r.Skipped)
	}
	var out strings.Builder
	for _, line := range lines {
		out.WriteString("\n     " + strings.ReplaceAll(line, "\n", "\n     "))
	}
	return out.String()
}
