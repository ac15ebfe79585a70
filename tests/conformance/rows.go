package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// section is a chapter of the contract, as rows.txt has them.
type section struct {
	title string
	rows  []*row
}

// row is one promise, the tests that show it, and how its rule is taken away.
type row struct {
	id, promise string
	tests       []test
	breaks      []mutation
	open        string // why it is not shown; empty for all that are
}

// test is one of a unit program (unit), of the behaviour suite (e2e) or of the
// kit for a Windows machine (kit). Program is empty but for units.
type test struct{ kind, program, name string }

func (t test) String() string {
	if t.program != "" {
		return t.program + ": " + t.name
	}
	return t.name
}

// mutation takes a rule out of a source file: text, which stands there once,
// becomes other.
type mutation struct{ file, text, other string }

// skips are the tests of a program that pass in a lane without having looked:
// what they need is not there.
type skips map[string]map[string]bool // lane + " " + program → tests

type contract struct {
	sections []section
	skips    skips
}

func (c *contract) rows() []*row {
	var all []*row
	for _, s := range c.sections {
		all = append(all, s.rows...)
	}
	return all
}

var rowHead = regexp.MustCompile(`^([1-9]\.[0-9]+) (.+)$`)

// parser reads rows.txt; README.md beside it tells the form.
type parser struct {
	contract
	row  *row
	last *mutation
	seen map[string]bool
}

func readRows(path string) (*contract, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseRows(path, string(data))
}

func parseRows(path, text string) (*contract, error) {
	p := parser{contract: contract{skips: skips{}}, seen: map[string]bool{}}
	for i, line := range strings.Split(text, "\n") {
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
	}
	for _, r := range p.rows() {
		for _, m := range r.breaks {
			if m.text == "" || m.text == m.other {
				return nil, fmt.Errorf("%s: row %s takes nothing away from %s", path, r.id, m.file)
			}
		}
	}
	return &p.contract, nil
}

func (p *parser) line(line string) error {
	if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	if title, ok := strings.CutPrefix(line, "== "); ok {
		p.sections, p.row = append(p.sections, section{title: title}), nil
		return nil
	}
	if rest, ok := strings.CutPrefix(line, "skip "); ok {
		return p.skip(rest)
	}
	if head := rowHead.FindStringSubmatch(line); head != nil {
		return p.head(head[1], head[2])
	}
	if p.row == nil || !strings.HasPrefix(line, "  ") {
		return fmt.Errorf("%q belongs to no row", line)
	}
	return p.part(line[2:])
}

func (p *parser) head(id, promise string) error {
	if len(p.sections) == 0 || !strings.HasPrefix(p.sections[len(p.sections)-1].title, id[:1]+" ") {
		return fmt.Errorf("row %s is not below its section", id)
	}
	if p.seen[id] {
		return fmt.Errorf("there are two rows %s", id)
	}
	p.seen[id] = true
	p.row, p.last = &row{id: id, promise: promise}, nil
	s := &p.sections[len(p.sections)-1]
	s.rows = append(s.rows, p.row)
	return nil
}

func (p *parser) skip(rest string) error {
	what, names, ok := strings.Cut(rest, ": ")
	if !ok || len(strings.Fields(what)) != 2 {
		return fmt.Errorf("skip LANE PROGRAM: TEST…")
	}
	if p.skips[what] == nil {
		p.skips[what] = map[string]bool{}
	}
	for _, name := range strings.Fields(names) {
		p.skips[what][name] = true
	}
	return nil
}

// part is one of the lines below a row's head.
func (p *parser) part(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "unit":
		program, names, ok := strings.Cut(rest, ": ")
		if !ok {
			return fmt.Errorf("unit PROGRAM: TEST…")
		}
		for _, name := range strings.Fields(names) {
			p.row.tests = append(p.row.tests, test{"unit", program, name})
		}
	case "e2e", "kit":
		// One test a line, or "PARENT: SUB…" for several of one parent.
		parent, names, ok := strings.Cut(rest, ": ")
		if !ok {
			p.row.tests = append(p.row.tests, test{word, "", rest})
			return nil
		}
		for _, name := range strings.Fields(names) {
			p.row.tests = append(p.row.tests, test{word, "", parent + "/" + name})
		}
	case "open":
		p.row.open = rest
	case "break":
		p.row.breaks = append(p.row.breaks, mutation{file: rest})
		p.last = &p.row.breaks[len(p.row.breaks)-1]
	case "-":
		return p.add(func(m *mutation) *string { return &m.text }, rest)
	case "+":
		return p.add(func(m *mutation) *string { return &m.other }, rest)
	default:
		return fmt.Errorf("%q is none of unit, e2e, kit, open, break, - and +", word)
	}
	return nil
}

func (p *parser) add(part func(*mutation) *string, line string) error {
	if p.last == nil {
		return fmt.Errorf("there is no break FILE before this line")
	}
	text := part(p.last)
	if *text != "" {
		*text += "\n"
	}
	*text += line
	return nil
}

// apply gives the file's text without the rule.
func (m mutation) apply(source string) (string, error) {
	if n := strings.Count(source, m.text); n != 1 {
		return "", fmt.Errorf("%s has %d times, not once: %s", m.file, n, m.text)
	}
	return strings.Replace(source, m.text, m.other, 1), nil
}
