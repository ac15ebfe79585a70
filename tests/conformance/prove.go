package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// stage is a group of a row's tests that run together.
type stage struct {
	where, program string
	tests          []string
}

// stages orders a row's tests by what they cost: units here, units under Wine,
// the behaviour suite. A rule of Windows alone is seen under Wine only, one of
// Linux alone here only.
func stages(r *row, m mutation) []stage {
	var all []stage
	add := func(where, program, name string) {
		for i := range all {
			if all[i].where == where && all[i].program == program {
				all[i].tests = append(all[i].tests, name)
				return
			}
		}
		all = append(all, stage{where, program, []string{name}})
	}
	windows, linux := strings.Contains(m.file, "/windows/"), strings.Contains(m.file, "/linux/")
	for _, t := range r.tests {
		foreign := strings.Contains(t.program, "_windows_") && !strings.HasPrefix(t.program, "spec_")
		switch {
		case t.kind == "unit" && !windows && !foreign:
			add("dev", t.program, t.name)
		case t.kind == "unit" && (windows || foreign) && !linux && !strings.Contains(t.program, "_linux_"):
			add("windows", t.program, t.name)
		case t.kind == "e2e" && !windows:
			add("e2e", "", t.name)
		}
	}
	order := []string{"dev", "windows", "e2e"}
	slices.SortStableFunc(all, func(a, b stage) int { return slices.Index(order, a.where) - slices.Index(order, b.where) })
	return all
}

// outcomes runs a stage and gives what became of its tests; stopAt as for unit.
func (s *scratch) outcomes(st stage, stopAt []string) (map[string]outcome, error) {
	if st.where == "e2e" {
		return s.e2e(st.tests)
	}
	return s.unit(st.where, st.program, stopAt)
}

// healthy says whether a stage's tests pass as long as every rule is there. Only
// then does it prove anything that one fails.
func (s *scratch) healthy(st stage, anew bool) error {
	key := st.where + " " + st.program
	if st.where == "e2e" {
		key += strings.Join(st.tests, " ")
	}
	if s.whole[key] == nil || anew {
		found, err := s.outcomes(st, nil)
		if err != nil {
			return err
		}
		s.whole[key] = found
	}
	for _, name := range st.tests {
		if s.whole[key][name] != passed {
			return fmt.Errorf("%s fails (%s) with every rule in its place", test{"", st.program, name}, st.where)
		}
	}
	return nil
}

// red takes one rule away and gives the first test that sees it.
func (s *scratch) red(r *row, m mutation) (string, error) {
	path := filepath.Join(s.dir, m.file)
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	mutant, err := m.apply(string(source))
	if err != nil {
		return "", err
	}
	for _, st := range stages(r, m) {
		if err := s.healthy(st, false); err != nil {
			return "", err
		}
		found, err := s.without(path, mutant, string(source), st)
		if err != nil {
			return "", err
		}
		if by, err := s.seenBy(st, found); by != "" || err != nil {
			return by, err
		}
	}
	return "", nil
}

// seenBy gives the first test of a stage that saw the rule's absence. One that
// told nothing, as its program died or hung, counts if it passes again with the
// rule back in its place: else it may be the machine that had failed.
func (s *scratch) seenBy(st stage, found map[string]outcome) (string, error) {
	for _, name := range st.tests {
		if found[name] == failed {
			return test{"", st.program, name}.String(), nil
		}
	}
	for _, name := range st.tests {
		if found[name] != passed {
			return test{"", st.program, name}.String() + ", which did not end", s.healthy(st, true)
		}
	}
	return "", nil
}

// without runs a stage while path holds mutant.
func (s *scratch) without(path, mutant, source string, st stage) (map[string]outcome, error) {
	if err := os.WriteFile(path, []byte(mutant), 0o644); err != nil {
		return nil, err
	}
	found, err := s.outcomes(st, st.tests)
	if restored := os.WriteFile(path, []byte(source), 0o644); err == nil {
		err = restored
	}
	return found, err
}

// rule is one that is taken away: the n-th break of its row.
type rule struct {
	row *row
	n   int
}

func (r rule) broken() mutation { return r.row.breaks[r.n] }

func (r rule) String() string { return fmt.Sprintf("%s (%s)", r.row.id, r.broken().file) }

// proof is a run of the tool: two scratch copies, so that one is built while
// the other's tests wait for Wine.
type proof struct {
	sync.Mutex
	root   string
	files  []string
	proved *proved
	red    int
	before int // of them, seen by a run that this one continues
	not    []string
}

// judge takes rules away in a scratch copy of their own, one by one.
func (p *proof) judge(name string, rules []rule) error {
	s, err := newScratch(p.root, name, p.files)
	if err != nil {
		return err
	}
	defer s.log.Close()
	for _, r := range rules {
		start := time.Now()
		by, err := s.red(r.row, r.broken())
		if cause := context.Cause(going); cause != nil {
			return cause
		}
		p.tell(r, by, err, time.Since(start))
	}
	return nil
}

func (p *proof) tell(r rule, by string, err error, took time.Duration) {
	p.Lock()
	defer p.Unlock()
	verdict := "red by " + by
	switch {
	case err != nil:
		verdict = err.Error()
	case by == "":
		verdict = "GREEN: no test of the row sees that its rule is gone"
	default:
		p.red++
		err = p.proved.add(r, by)
		if err != nil {
			verdict += ", " + err.Error()
		}
	}
	if by == "" || err != nil {
		p.not = append(p.not, r.String())
	}
	fmt.Printf("%-5s %-42s %5.1f s  %s\n", r.row.id, r.broken().file, took.Seconds(), verdict)
}

// prove takes the rules of the rows away, one by one; a run that continues
// leaves out what an earlier one saw red of the same sources.
func prove(root string, c *contract, ids []string, continues bool) (bool, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return false, err
	}
	p := proof{root: root}
	if p.files, err = checkedOut(root); err != nil {
		return false, err
	}
	if p.proved, err = openProved(root, p.files, continues || len(ids) > 0); err != nil {
		return false, err
	}
	defer p.proved.file.Close()
	begin, all := time.Now(), 0
	lots := map[string][]rule{}
	var without []string
	for _, r := range c.rows() {
		if len(ids) > 0 && !slices.ContainsFunc(ids, r.isMeant) {
			continue
		}
		if len(r.breaks) == 0 {
			without = append(without, r.id)
		}
		for n := range r.breaks {
			one := rule{r, n}
			all++
			if continues && p.proved.has(one) {
				p.red++
				p.before++
				continue
			}
			lot := one.lot()
			lots[lot] = append(lots[lot], one)
		}
	}
	errs := make(chan error, len(lots))
	for name, rules := range lots {
		go func() { errs <- p.judge(name, rules) }()
	}
	for range lots {
		err = errors.Join(err, <-errs)
	}
	if err != nil {
		return false, err
	}
	fmt.Printf("%d rules taken away in %.0f s", all-p.before, time.Since(begin).Seconds())
	if p.before > 0 {
		fmt.Printf(", %d of the same sources before", p.before)
	}
	fmt.Printf("; seen red: %d of %d\n", p.red, all)
	if len(p.not) > 0 {
		fmt.Println("not seen red:", strings.Join(p.not, ", "))
	}
	if len(without) > 0 {
		fmt.Println("no rule to take away:", strings.Join(without, " "))
	}
	return len(p.not) == 0 && len(without) == 0, nil
}

// isMeant says whether a row is named by its id, or by its section's number.
func (r *row) isMeant(name string) bool {
	return name == r.id || name == r.id[:1]
}

// lot is the scratch copy in which a rule is taken away.
func (r rule) lot() string {
	if all := stages(r.row, r.broken()); len(all) > 0 && all[0].where == "windows" {
		return "scratch-windows"
	}
	return "scratch"
}
