package docs

import (
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
)

func itoa(n int) string { return strconv.Itoa(n) }

// These hold help, manual pages and doctor's findings, each of which has its
// remedy beside it: no errors.
var noErrors = []string{"src/cli/commands.c:", "src/cli/help.c:", "src/cli/manual.c:", "src/cli/doctor",
	"src/host/linux/examine.c:", "src/host/windows/examine.c:"}

// A text of one clause says what is wrong, and no more: what to do about it stands
// behind a colon, semicolon, comma or opening parenthesis, or the text says what must
// be. So a text with neither needs no entry; each other one is a remedy until
// without-remedy.txt says that it names none.
var clauses = regexp.MustCompile(`[:;,] [^…\s]|.\([^…]|\b(?:at least|at most|expected|must|needs?|only)\b`)

// What jansson packs and unpacks: {s:s, s:b}.
var packs = regexp.MustCompile(`^\{[][\w:?*, {}]*\}$`)

var directive = regexp.MustCompile(`%[-+ #0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j|t)?[diouxXscpgGfe]`)

// shape is a text with … for each directive, as the page writes it.
func shape(text string) string {
	text = directive.ReplaceAllString(text, "…")
	text = strings.ReplaceAll(text, "%%", "%")
	text = strings.ReplaceAll(text, "….…", "…")
	for strings.Contains(text, "……") {
		text = strings.ReplaceAll(text, "……", "…")
	}
	return strings.TrimSpace(strings.ReplaceAll(text, "\n", " "))
}

// pattern matches what a format can make, anywhere in a line.
func pattern(text string) string {
	parts := strings.Split(shape(text), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return strings.Join(parts, ".*")
}

// entries are the lines of the page's blocks that are marked "error".
func entries(page string) (list []string) {
	inside := false
	for _, line := range strings.Split(page, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```error"
		case inside && line != "":
			list = append(list, line)
		}
	}
	return list
}

// withoutRemedy are the lines of the list, but for the first ones, which explain it.
func withoutRemedy(t *testing.T) (list []string) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSuffix(text(t, "tests/docs/without-remedy.txt"), "\n"), "\n") {
		if !strings.HasPrefix(line, "# ") {
			list = append(list, line)
		}
	}
	return list
}

// remedies are all texts of src/, and those of several clauses that no list excuses.
func remedies(t *testing.T) (all, withRemedy []literal) {
	t.Helper()
	all, err := literals()
	if err != nil {
		t.Fatal(err)
	}
	excused := map[string]bool{}
	for _, line := range withoutRemedy(t) {
		excused[line] = true
	}
	for _, text := range several(all) {
		if !excused[shape(text.text)] {
			withRemedy = append(withRemedy, text)
		}
	}
	if len(withRemedy) < 200 {
		t.Fatalf("only %d texts of src/ name a remedy", len(withRemedy))
	}
	return all, withRemedy
}

// several are those of several clauses.
func several(all []literal) (list []literal) {
	for _, text := range all {
		help := false
		for _, file := range noErrors {
			help = help || strings.HasPrefix(text.where, file)
		}
		if !help && clauses.MatchString(shape(text.text)) && !packs.MatchString(text.text) {
			list = append(list, text)
		}
	}
	return list
}

// Each text of the source that could name a remedy has its entry, or is excused.
func TestTroubleshootingIsWhole(t *testing.T) {
	_, texts := remedies(t)
	list := entries(text(t, "docs/troubleshooting.md"))
	missing := map[string]string{}
	for _, text := range texts {
		if !slices.ContainsFunc(list, regexp.MustCompile(pattern(text.text)).MatchString) {
			missing[shape(text.text)] = text.where
		}
	}
	var lines []string
	for text, where := range missing {
		lines = append(lines, where+": "+text)
	}
	sort.Strings(lines)
	for _, line := range lines {
		t.Errorf("neither docs/troubleshooting.md nor tests/docs/without-remedy.txt has an entry for %s", line)
	}
	t.Logf("%d texts of src/ name a remedy, the page has %d entries", len(texts), len(list))
}

// What is excused is in the source, and not in the page.
func TestWithoutRemedyIsCurrent(t *testing.T) {
	all, err := literals()
	if err != nil {
		t.Fatal(err)
	}
	patterns := map[string]*regexp.Regexp{}
	for _, text := range several(all) {
		patterns[shape(text.text)] = regexp.MustCompile(pattern(text.text))
	}
	page, before := entries(text(t, "docs/troubleshooting.md")), ""
	for _, line := range withoutRemedy(t) {
		if line <= before {
			t.Errorf("tests/docs/without-remedy.txt is not sorted, or says it twice: %s", line)
		}
		before = line
		if patterns[line] == nil {
			t.Errorf("no text of src/ that could name a remedy is this one of tests/docs/without-remedy.txt: %s", line)
		} else if slices.ContainsFunc(page, patterns[line].MatchString) {
			t.Errorf("both docs/troubleshooting.md and tests/docs/without-remedy.txt have %s", line)
		}
	}
}

// Each entry can still come out of the source.
func TestTroubleshootingIsCurrent(t *testing.T) {
	all, texts := remedies(t)
	var patterns []*regexp.Regexp
	for _, text := range all {
		if letters := len(strings.ReplaceAll(shape(text.text), "…", "")); letters >= 6 {
			patterns = append(patterns, regexp.MustCompile("^"+pattern(text.text)+"$"))
		}
	}
	seen := map[string]bool{}
	for _, entry := range entries(text(t, "docs/troubleshooting.md")) {
		if seen[entry] {
			t.Errorf("twice in docs/troubleshooting.md: %s", entry)
		}
		seen[entry] = true
		made := slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(entry) }) ||
			slices.ContainsFunc(texts, func(text literal) bool { // behind no more than a value
				before, after, found := strings.Cut(entry, shape(text.text))
				return found && strings.Trim(before+after, "… \"") == ""
			})
		if !made {
			t.Errorf("no text of src/ makes this entry of docs/troubleshooting.md: %s", entry)
		}
	}
}
