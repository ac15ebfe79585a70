package suite

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
)

func sample() []Case {
	return []Case{
		{"good", "row 1", func(t *T) { t.Logf("seen <%d>\x00", 1) }},
		{"bad", "row | 2", func(t *T) { t.Errorf("one\nmore"); t.Fatalf("two"); t.Errorf("never") }},
		{"left-out", "row 3", func(t *T) { t.Skipf("no %s here", "domain") }},
		{"broken", "row 4", func(t *T) { panic("oh") }},
		{"untidy", "row 5", func(t *T) { t.Cleanup(func() { t.Fatalf("cannot clean") }) }},
	}
}

func TestOutcomes(t *testing.T) {
	var progress bytes.Buffer
	results := Run("g", sample(), regexp.MustCompile("."), time.Minute, &progress)
	want := map[string]string{"good": "ok", "bad": "FAIL", "left-out": "SKIP", "broken": "FAIL", "untidy": "FAIL"}
	if len(results) != len(want) {
		t.Fatalf("%d results", len(results))
	}
	for _, r := range results {
		if r.verdict() != want[r.Name] {
			t.Errorf("%s: %s, not %s", r.Name, r.verdict(), want[r.Name])
		}
		if !strings.Contains(progress.String(), r.Group+"/"+r.Name) {
			t.Errorf("%s is not told", r.Name)
		}
	}
	if bad := results[1].Failures; len(bad) != 2 || bad[1] != "two" {
		t.Errorf("failures of bad: %q", bad)
	}
}

func TestCleanupsRunLastFirst(t *testing.T) {
	var order string
	Run("g", []Case{{"c", "", func(t *T) {
		t.Cleanup(func() { order += "1" })
		t.Cleanup(func() { order += "2"; panic("x") })
		t.Cleanup(func() { order += "3" })
		t.Fatalf("ends here")
	}}}, regexp.MustCompile("."), time.Minute, io.Discard)
	if order != "321" {
		t.Errorf("order %q", order)
	}
}

func TestOnly(t *testing.T) {
	results := Run("g", sample(), regexp.MustCompile("^g/left"), time.Minute, io.Discard)
	if len(results) != 1 || results[0].Name != "left-out" {
		t.Errorf("%v", results)
	}
}

func TestEventuallyGivesUpWhenTheTimeIsUp(t *testing.T) {
	results := Run("g", []Case{{"c", "", func(t *T) { t.Eventually("it snows", func() bool { return false }) }}},
		regexp.MustCompile("."), 10*time.Millisecond, io.Discard)
	if len(results[0].Failures) != 1 || !strings.Contains(results[0].Failures[0], "it snows") {
		t.Errorf("%q", results[0].Failures)
	}
}

func TestJUnit(t *testing.T) {
	results := Run("first", sample(), regexp.MustCompile("."), time.Minute, io.Discard)
	results = append(results, Run("second", sample()[:1], regexp.MustCompile("."), time.Minute, io.Discard)...)
	var out bytes.Buffer
	if err := JUnit(&out, results); err != nil {
		t.Fatal(err)
	}
	var back junitSuites
	if err := xml.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatalf("it is no XML: %v\n%s", err, out.String())
	}
	if len(back.Suites) != 2 {
		t.Fatalf("%d suites", len(back.Suites))
	}
	s := back.Suites[0]
	if s.Name != "first" || s.Tests != 5 || s.Failures != 3 || s.Skipped != 1 || len(s.Cases) != 5 {
		t.Errorf("%+v", s)
	}
	good, bad, skipped := s.Cases[0], s.Cases[1], s.Cases[2]
	if good.Log != "seen <1>?" || good.Failure != nil || good.Row.Value != "row 1" {
		t.Errorf("%+v", good)
	}
	if bad.Failure == nil || bad.Failure.Message != "one" || bad.Failure.Text != "one\nmore\ntwo" {
		t.Errorf("%+v", bad.Failure)
	}
	if skipped.Skipped == nil || skipped.Skipped.Message != "no domain here" {
		t.Errorf("%+v", skipped.Skipped)
	}
}

func TestSummary(t *testing.T) {
	var out bytes.Buffer
	results := Run("g", sample(), regexp.MustCompile("."), time.Minute, io.Discard)
	if Summary(&out, "title", results) {
		t.Error("failures are well")
	}
	for _, part := range []string{"# title\n", "1 passed, 3 failed, 1 skipped", `| g/bad | row \| 2 | one<br>more two |`, "| g/left-out | row 3 | no domain here |"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in\n%s", part, out.String())
		}
	}
	if !Summary(io.Discard, "", results[:1]) {
		t.Error("a passed case is not well")
	}
	if Summary(io.Discard, "", nil) {
		t.Error("no case at all is well")
	}
}
