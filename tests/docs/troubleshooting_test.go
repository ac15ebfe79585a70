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

// These only look like it: what a call was to do.
var noRemedies = []string{"SetInformationJobObject, kill on close"}

// A text names a remedy if one of its clauses tells the reader what to do.
var remedy = regexp.MustCompile(`[:;,(] (?:(?:or|and|then|as an administrator|it must|must) )?` +
	`(?:add|be|change|choose|delete|did you mean|enable|end|find|give|have|install|kill|leave|list|look|make|mount|move|name|pass|` +
	`reach|remove|rename|repeat|resume|run|say|see|send|set|shorten|start a|the group managed|try again|turn|use|write)\b[^:…]| must run as `)

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

func remedies(t *testing.T) (all, withRemedy []literal) {
	t.Helper()
	all, err := literals()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range all {
		help := false
		for _, file := range noErrors {
			help = help || strings.HasPrefix(text.where, file)
		}
		if !help && remedy.MatchString(text.text) && !slices.Contains(noRemedies, text.text) {
			withRemedy = append(withRemedy, text)
		}
	}
	if len(withRemedy) < 100 {
		t.Fatalf("only %d texts of src/ name a remedy", len(withRemedy))
	}
	return all, withRemedy
}

// Each text of the source that names a remedy has its entry.
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
		t.Errorf("docs/troubleshooting.md has no entry for %s", line)
	}
	t.Logf("%d texts of src/ name a remedy, the page has %d entries", len(texts), len(list))
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
