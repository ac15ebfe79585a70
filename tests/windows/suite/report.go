package suite

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Row     junitProperty `xml:"properties>property"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
	Log     string        `xml:"system-out,omitempty"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the results as JUnit XML, a test suite for each group.
func JUnit(w io.Writer, results []Result) error {
	var out junitSuites
	seconds := map[string]float64{}
	index := map[string]int{}
	for _, r := range results {
		i, known := index[r.Group]
		if !known {
			i = len(out.Suites)
			index[r.Group] = i
			out.Suites = append(out.Suites, junitSuite{Name: r.Group})
		}
		s := &out.Suites[i]
		c := junitCase{Class: r.Group, Name: r.Name, Time: fmt.Sprintf("%.3f", r.Seconds),
			Row: junitProperty{"contract", plain(r.Row)}, Log: plain(strings.Join(r.Log, "\n"))}
		switch r.verdict() {
		case "FAIL":
			s.Failures++
			c.Failure = message(strings.Join(r.Failures, "\n"))
		case "SKIP":
			s.Skipped++
			c.Skipped = message(r.Skipped)
		}
		s.Tests++
		seconds[r.Group] += r.Seconds
		s.Time = fmt.Sprintf("%.3f", seconds[r.Group])
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func message(text string) *junitMessage {
	first, _, _ := strings.Cut(text, "\n")
	return &junitMessage{Message: plain(first), Text: plain(text)}
}

// plain takes out what XML 1.0 cannot hold: programs print what they like.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' && r != '\n' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
			return '?'
		}
		return r
	}, text)
}

// Summary writes the results as Markdown: the counts, and what failed or was
// skipped and why. It says whether all is well: something passed, nothing failed.
func Summary(w io.Writer, title string, results []Result) bool {
	count := map[string]int{}
	for _, r := range results {
		count[r.verdict()]++
	}
	fmt.Fprintf(w, "# %s\n\n%d passed, %d failed, %d skipped\n", title, count["ok"], count["FAIL"], count["SKIP"])
	for _, verdict := range []string{"FAIL", "SKIP"} {
		if count[verdict] == 0 {
			continue
		}
		fmt.Fprintf(w, "\n| %s | contract | why |\n|---|---|---|\n", map[string]string{"FAIL": "failed", "SKIP": "skipped"}[verdict])
		for _, r := range results {
			if r.verdict() == verdict {
				fmt.Fprintf(w, "| %s/%s | %s | %s |\n", r.Group, r.Name, cell(r.Row), cell(strings.Join(append(r.Failures, r.Skipped), " ")))
			}
		}
	}
	return count["FAIL"] == 0 && count["ok"] > 0
}

func cell(text string) string {
	return strings.TrimSpace(strings.NewReplacer("|", `\|`, "\r", "", "\n", "<br>").Replace(plain(text)))
}
