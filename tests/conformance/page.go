package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// finding is what a run says of a test: where it passed, and that it failed.
type finding struct {
	places []string
	failed []string // lanes
}

// judge looks a test up in the lanes. Of a lane that did not run the committed
// page is believed.
func judge(t test, lanes []*lane, claims map[test][]string) finding {
	if t.kind == "kit" {
		return finding{places: []string{onlyWindow}}
	}
	var f finding
	told := map[string]bool{} // places whose lanes all ran
	for _, l := range lanes {
		if l.kind != t.kind {
			continue
		}
		place := l.place(t.program)
		if _, known := told[place]; !known {
			told[place] = true
		}
		o := l.outcome(t)
		if !l.ran || o == skipped {
			told[place] = false
		}
		switch o {
		case passed:
			f.places = append(f.places, place)
		case failed:
			f.failed = append(f.failed, l.name)
		}
	}
	for _, place := range claims[t] {
		if !told[place] {
			f.places = append(f.places, place)
		}
	}
	slices.SortFunc(f.places, func(a, b string) int { return slices.Index(places, a) - slices.Index(places, b) })
	f.places = slices.Compact(f.places)
	return f
}

// report is the page, and what is wrong with the run.
type report struct {
	page     string
	problems []string
	shown    int
}

func render(c *contract, lanes []*lane, claims map[test][]string) report {
	var r report
	var b strings.Builder
	b.WriteString(pageHead)
	all, proved, machine := 0, 0, 0
	for _, s := range c.sections {
		fmt.Fprintf(&b, "\n## %s\n\n| row | promise | shown by | taken away from |\n|---|---|---|---|\n", s.title)
		for _, w := range s.rows {
			all++
			groups, onWindows := w.groups(lanes, claims, &r)
			if w.open != "" {
				groups = append(groups, "**open**: "+w.open)
			} else if onWindows {
				machine++
			}
			if len(w.breaks) > 0 {
				proved++
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", w.id, w.promise, strings.Join(groups, "<br>"), w.files())
		}
	}
	fmt.Fprintf(&b, "\n%d rows: %d shown by tests that run here, %d by a Windows machine only, %d open; the rule of %d can be taken away.\n",
		all, r.shown, machine, all-r.shown-machine, proved)
	r.page = b.String()
	return r
}

// files names the sources that the row's rule is taken away from.
func (w *row) files() string {
	var names []string
	for _, m := range w.breaks {
		names = append(names, "`"+strings.TrimPrefix(m.file, "src/")+"`")
	}
	return strings.Join(slices.Compact(names), "<br>")
}

// groups are the row's tests, those of one program and the same places together.
func (w *row) groups(lanes []*lane, claims map[test][]string, r *report) (lines []string, onWindows bool) {
	var keys []string
	names := map[string][]string{}
	here := false
	for _, t := range w.tests {
		f := judge(t, lanes, claims)
		for _, lane := range f.failed {
			r.problems = append(r.problems, fmt.Sprintf("RED %s: %s failed in lane %s", w.id, t, lane))
		}
		if len(f.places) == 0 {
			if len(f.failed) == 0 && w.open == "" {
				r.problems = append(r.problems, fmt.Sprintf("RED %s: no lane has shown %s", w.id, t))
			}
			f.places = []string{"not shown"}
		}
		here = here || !slices.Equal(f.places, []string{onlyWindow})
		program, name := t.program, t.name
		if program == "" {
			program, name = cutName(t)
		}
		key := fmt.Sprintf("`%s`: \x00 (%s)", program, strings.Join(f.places, ", "))
		if names[key] == nil {
			keys = append(keys, key)
		}
		names[key] = append(names[key], "`"+name+"`")
	}
	for _, key := range keys {
		lines = append(lines, strings.Replace(key, "\x00", strings.Join(names[key], ", "), 1))
	}
	if len(w.tests) == 0 && w.open == "" {
		r.problems = append(r.problems, fmt.Sprintf("RED %s: it has no test", w.id))
	}
	if here && w.open == "" {
		r.shown++
	}
	return lines, !here && len(w.tests) > 0
}

// cutName parts a test of a suite into its parent and itself.
func cutName(t test) (parent, name string) {
	if t.kind == "kit" {
		return "kit", t.name
	}
	if i := strings.LastIndex(t.name, "/"); i >= 0 {
		return t.name[:i], t.name[i+1:]
	}
	return "e2e", t.name
}

var (
	groupLine = regexp.MustCompile("`([^`]+)`: ((?:`[^`]+`(?:, )?)+) \\(([^)]+)\\)")
	nameMark  = regexp.MustCompile("`([^`]+)`")
)

// readClaims reads a page back: where each test is said to have passed.
func readClaims(path string) map[test][]string {
	claims := map[test][]string{}
	data, _ := os.ReadFile(path)
	for _, group := range groupLine.FindAllStringSubmatch(string(data), -1) {
		for _, mark := range nameMark.FindAllStringSubmatch(group[2], -1) {
			t := test{"unit", group[1], mark[1]}
			switch {
			case group[1] == "e2e":
				t = test{"e2e", "", mark[1]}
			case strings.HasPrefix(group[1], "Test"):
				t = test{"e2e", "", group[1] + "/" + mark[1]}
			}
			for _, place := range strings.Split(group[3], ", ") {
				if slices.Contains(places, place) && !slices.Contains(claims[t], place) {
					claims[t] = append(claims[t], place)
				}
			}
		}
	}
	return claims
}

// looks says what is wrong with the rows themselves: a test of the kit that it
// has not, a rule that is no longer where it was.
func looks(root string, c *contract) []string {
	var wrong []string
	kit, _ := filepath.Glob(filepath.Join(root, "tests", "windows", "*.go"))
	var sources strings.Builder
	for _, file := range kit {
		data, _ := os.ReadFile(file)
		sources.Write(data)
	}
	for _, w := range c.rows() {
		for _, t := range w.tests {
			if last := t.name[strings.LastIndex(t.name, "/")+1:]; t.kind == "kit" && !strings.Contains(sources.String(), last+`"`) && !strings.Contains(sources.String(), last+"`") {
				wrong = append(wrong, fmt.Sprintf("RED %s: the kit has no case %s", w.id, t.name))
			}
		}
		for _, m := range w.breaks {
			data, err := os.ReadFile(filepath.Join(root, m.file))
			if err == nil {
				_, err = m.apply(string(data))
			}
			if err != nil {
				wrong = append(wrong, fmt.Sprintf("RED %s: its rule cannot be taken away: %v", w.id, err))
			}
		}
	}
	return wrong
}

const pageHead = `# The contract, row by row

Written by ` + "`scripts/conformance.sh`" + ` from ` + "`tests/conformance/rows.txt`" + ` and the results of a test run; the lane
` + "`conformance`" + ` looks that it is true. Each row is a promise that a HostProcess container's user, the node's operator or
containerd relies on.

**Shown by** names the tests and, in brackets, where they passed:

- **Linux**: this machine, ` + "`scripts/test.sh unit e2e-debian e2e crash`" + `; **Linux with cgroup v2**: the same units in a
  booted kernel (lane ` + "`vm`" + `).
- **Wine**: the Windows program or unit under Wine 10, nothing standing in for a call (lanes ` + "`wine`" + `, ` + "`e2e-wine`" + `).
- **winsim**: Windows units under Wine with stand-ins for what Wine lacks; see [windows-coverage.md](windows-coverage.md).
- **Windows machine only**: a case of the kit in ` + "`tests/windows`" + `. Nobody here has seen it run.

**Taken away from** names the source files of which ` + "`scripts/conformance.sh --prove`" + ` takes the row's rule away in a scratch
copy, to see one of the row's tests fail.
`
