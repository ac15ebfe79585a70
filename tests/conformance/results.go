package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The places where tests run, as the page names them.
const (
	onLinux    = "Linux"
	onCgroup2  = "Linux with cgroup v2"
	onWine     = "Wine"
	onWinsim   = "winsim"
	onlyWindow = "Windows machine only"
)

var places = []string{onLinux, onCgroup2, onWine, onWinsim, onlyWindow}

// outcome is what a lane says of a test.
type outcome int

const (
	notSeen outcome = iota
	skipped         // with a reason that tests/allowed-skips.txt has, or the lane has failed
	passed
	failed
)

// lane is a lane of scripts/test.sh, and what it left under build/.
type lane struct {
	name  string
	kind  string              // of its tests
	place func(string) string // by program
	ran   bool
	tests map[test]outcome
	whole map[string]bool // programs that passed without telling their tests
}

func always(place string) func(string) string { return func(string) string { return place } }

// results are those of the lanes that are named, or of all that ran.
func results(root string, c *contract, wanted []string) []*lane {
	build := filepath.Join(root, "build")
	simulated := winsimPrograms(root)
	lanes := []*lane{
		{name: "unit", kind: "unit", place: always(onLinux)},
		{name: "vm", kind: "unit", place: always(onCgroup2)},
		{name: "wine", kind: "unit", place: func(program string) string {
			if simulated.MatchString(program) {
				return onWinsim
			}
			return onWine
		}},
		{name: "e2e-debian", kind: "e2e", place: always(onLinux)},
		{name: "e2e", kind: "e2e", place: always(onLinux)},
		{name: "crash", kind: "e2e", place: always(onLinux)},
		{name: "e2e-wine", kind: "e2e", place: always(onWine)},
	}
	for _, l := range lanes {
		l.tests, l.whole = map[test]outcome{}, map[string]bool{}
		if wanted != nil && !slices.Contains(wanted, l.name) {
			continue
		}
		switch {
		case l.name == "vm":
			l.readGuest(filepath.Join(build, "vm", "said.log"))
		case l.name == "unit":
			l.readChecks(filepath.Join(build, "dev", "tests", "unit"))
		case l.name == "wine":
			l.readChecks(filepath.Join(build, "wine-results"))
		default:
			for _, end := range []string{"", ".again", ".1", ".2"} {
				l.readGo(filepath.Join(build, l.name+".log"+end))
			}
		}
		for key, tests := range c.skips {
			name, program, _ := strings.Cut(key, " ")
			for t := range tests {
				if name == l.name {
					delete(l.tests, test{"unit", program, t})
				}
			}
		}
	}
	return lanes
}

// winsimPrograms matches the unit programs that are linked with winsim.
func winsimPrograms(root string) *regexp.Regexp {
	data, _ := os.ReadFile(filepath.Join(root, "tests", "unit", "CMakeLists.txt"))
	found := regexp.MustCompile(`MATCHES "(.*)"\)\n *target_link_libraries\([^)]*hp_winsim`).FindSubmatch(data)
	if found == nil {
		return regexp.MustCompile(`$^`)
	}
	return regexp.MustCompile(string(found[1]))
}

// checkLine is Check's own: file, line, P (passed), F or E, the case, the test
// and its turn in a loop.
var checkLine = regexp.MustCompile(`(?m)^[^\n]*?:\d+:([PFE]):[^:\n]*:([A-Za-z0-9_]+):\d+: `)

// readChecks reads what Check logged of each program (CK_LOG_FILE_NAME): of a
// test in a loop every turn must pass.
func (l *lane) readChecks(folder string) {
	files, _ := filepath.Glob(filepath.Join(folder, "*.checks"))
	for _, file := range files {
		program := strings.TrimPrefix(strings.TrimSuffix(filepath.Base(file), ".checks"), "unit_")
		l.ran = true
		for name, o := range readCheckLog(file) {
			l.tests[test{"unit", program, name}] = o
		}
	}
}

func readCheckLog(file string) map[string]outcome {
	found := map[string]outcome{}
	data, _ := os.ReadFile(file)
	for _, line := range checkLine.FindAllStringSubmatch(string(data), -1) {
		switch {
		case line[1] != "P":
			found[line[2]] = failed
		case found[line[2]] == notSeen:
			found[line[2]] = passed
		}
	}
	return found
}

var goLine = regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): (\S+) `)

// readGo reads what `go test -v` prints; a later log has the tests that failed
// and were run once more.
func (l *lane) readGo(file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		return
	}
	for _, line := range goLine.FindAllStringSubmatch(string(data), -1) {
		l.ran = true
		t := test{"e2e", "", line[2]}
		switch line[1] {
		case "PASS":
			l.tests[t] = passed
		case "FAIL":
			l.tests[t] = failed
		case "SKIP":
			l.tests[t] = skipped
		}
	}
}

var guestLine = regexp.MustCompile(`(?m)^vm ok unit_(\S+): 100%`)

// readGuest reads what the booted kernel said: whole programs.
func (l *lane) readGuest(file string) {
	data, _ := os.ReadFile(file)
	for _, line := range guestLine.FindAllSubmatch(data, -1) {
		l.ran = true
		l.whole[string(line[1])] = true
	}
}

func (l *lane) outcome(t test) outcome {
	if t.kind != l.kind {
		return notSeen
	}
	if l.whole[t.program] {
		return passed
	}
	for name := t.name; ; {
		if o := l.tests[test{t.kind, t.program, name}]; o == skipped || name == t.name && o != notSeen {
			return o
		}
		slash := strings.LastIndex(name, "/")
		if slash < 0 {
			return notSeen
		}
		name = name[:slash] // a test that is skipped does not tell its cases
	}
}
