package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// scratch is a copy of the checkout with builds of its own, in which rules are
// taken away.
type scratch struct {
	root, dir string
	ready     map[string]bool               // presets that are configured
	whole     map[string]map[string]outcome // by stage: with every rule in its place
	log       *os.File
}

// newScratch copies what git knows, or would, with its times: what is built
// already is built again only where it changed.
func newScratch(root string) (*scratch, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	s := &scratch{root: root, dir: filepath.Join(root, "build", "conformance", "scratch"), ready: map[string]bool{}, whole: map[string]map[string]outcome{}}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	if s.log, err = os.Create(filepath.Join(root, "build", "conformance", "prove.log")); err != nil {
		return nil, err
	}
	listed, err := exec.Command("git", "-C", root, "ls-files", "-z", "-co", "--exclude-standard").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	keep := map[string]bool{}
	for _, name := range strings.Split(string(listed), "\x00") {
		if name == "" {
			continue
		}
		keep[name] = true
		if err := s.copy(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return s, s.prune(keep)
}

func (s *scratch) copy(name string) error {
	from, to := filepath.Join(s.root, name), filepath.Join(s.dir, name)
	info, err := os.Lstat(from)
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if have, err := os.ReadFile(to); err == nil && string(have) == string(data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, info.Mode().Perm())
}

// prune removes what is no longer in the checkout, but for the builds.
func (s *scratch) prune(keep map[string]bool) error {
	return filepath.WalkDir(s.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(s.dir, path)
		if entry.IsDir() {
			if name == "build" {
				return filepath.SkipDir
			}
			return nil
		}
		if !keep[filepath.ToSlash(name)] {
			return os.Remove(path)
		}
		return nil
	})
}

// run runs a command in the scratch copy; at its time's end it is killed with
// all that it started.
func (s *scratch) run(limit time.Duration, env []string, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.Env = s.dir, append(os.Environ(), env...)
	command.Stdout, command.Stderr = s.log, s.log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = 10 * time.Second
	fmt.Fprintln(s.log, "+", name, strings.Join(args, " "))
	return command.Run()
}

// prefix is where Wine's units run.
func (s *scratch) prefix() string { return filepath.Join(s.root, "build", "wine-units") }

// build builds targets of a preset. Warnings are no errors here: what uses a
// rule alone is unused without it.
func (s *scratch) build(preset string, targets ...string) error {
	if !s.ready[preset] {
		if preset == "windows" {
			for _, args := range [][]string{{"windows-deps.sh"}, {"wine.sh", "setup"}} {
				env := []string{"WINEPREFIX=" + s.prefix()}
				if err := s.run(15*time.Minute, env, filepath.Join(s.root, "scripts", args[0]), args[1:]...); err != nil {
					return fmt.Errorf("%s: %w, see %s", args[0], err, s.log.Name())
				}
			}
			deps := filepath.Join(s.dir, "build", "windows-deps")
			if err := os.MkdirAll(filepath.Dir(deps), 0o755); err != nil {
				return err
			}
			if err := os.Symlink(filepath.Join(s.root, "build", "windows-deps"), deps); err != nil && !errors.Is(err, os.ErrExist) {
				return err
			}
		}
		if err := s.run(5*time.Minute, nil, "cmake", "--preset", preset, "-DHP_WERROR=OFF"); err != nil {
			return fmt.Errorf("cmake --preset %s: %w, see %s", preset, err, s.log.Name())
		}
		s.ready[preset] = true
	}
	args := append([]string{"--build", filepath.Join("build", preset), "--target"}, targets...)
	if err := s.run(20*time.Minute, nil, "cmake", args...); err != nil {
		return fmt.Errorf("building %s of preset %s: %w, see %s", strings.Join(targets, " "), preset, err, s.log.Name())
	}
	return nil
}

// unit builds one program and gives its tests' outcomes.
func (s *scratch) unit(preset, program string) (map[string]outcome, error) {
	if err := s.build(preset, "unit_"+program); err != nil {
		return nil, err
	}
	checks := filepath.Join(s.dir, "build", preset+"-"+program+".checks")
	_ = os.Remove(checks)
	env := []string{"CK_LOG_FILE_NAME=" + checks, "CK_VERBOSITY=normal"}
	binary := filepath.Join(s.dir, "build", preset, "tests", "unit", "unit_"+program)
	if preset == "windows" {
		env = append(env, "WINEPREFIX="+s.prefix())
		_ = s.run(3*time.Minute, env, filepath.Join(s.root, "scripts", "wine.sh"), "run", binary+".exe")
	} else {
		// Mounts that a rule's absence leaves behind go with the namespace.
		_ = s.run(2*time.Minute, env, "unshare", "--mount", binary)
	}
	return readCheckLog(checks), nil
}

// e2e runs tests of the behaviour suite against the scratch copy's shim.
func (s *scratch) e2e(names []string) (map[string]outcome, error) {
	if err := s.build("dev", "shim"); err != nil {
		return nil, err
	}
	suite := filepath.Join(s.root, "build", "conformance", "e2e.test")
	build := exec.Command("go", "test", "-c", "-o", suite, ".")
	build.Dir = filepath.Join(s.root, "tests", "e2e")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the behaviour suite: %s", out)
	}
	found := map[string]outcome{}
	for _, name := range names {
		log := filepath.Join(s.root, "build", "conformance", "prove-e2e.log")
		pattern := "^" + strings.ReplaceAll(name, "/", "$/^") + "$"
		script := `cd tests/e2e && exec "$0" -test.v -test.timeout 3m -test.run "$1" >"$2" 2>&1 </dev/null`
		env := []string{"HP_CONTAINERD=" + os.Getenv("HP_CONTAINERD"), "HP_CTR=" + filepath.Join(filepath.Dir(os.Getenv("HP_CONTAINERD")), "ctr"),
			"HP_SHIM_DIR=" + filepath.Join(s.dir, "build", "dev"), "HP_LANE=conformance"}
		_ = s.run(4*time.Minute, env, "sh", "-c", script, suite, pattern, log)
		l := &lane{tests: map[test]outcome{}}
		l.readGo(log)
		found[name] = l.tests[test{"e2e", "", name}]
	}
	return found, nil
}

// stage is a group of a row's tests that run together.
type stage struct {
	where, program string
	tests          []string
}

// stages orders a row's tests by what they cost: units here, units under Wine,
// the behaviour suite. A rule of Windows alone is seen under Wine only.
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
	windows := strings.Contains(m.file, "/windows/")
	for _, t := range r.tests {
		foreign := strings.Contains(t.program, "_windows_") && !strings.HasPrefix(t.program, "spec_")
		switch {
		case t.kind == "unit" && !windows && !foreign:
			add("dev", t.program, t.name)
		case t.kind == "unit" && (windows || foreign) && !strings.Contains(t.program, "_linux_"):
			add("windows", t.program, t.name)
		case t.kind == "e2e" && !windows:
			add("e2e", "", t.name)
		}
	}
	order := []string{"dev", "windows", "e2e"}
	slices.SortStableFunc(all, func(a, b stage) int { return slices.Index(order, a.where) - slices.Index(order, b.where) })
	return all
}

// outcomes runs a stage and gives what became of its tests.
func (s *scratch) outcomes(st stage) (map[string]outcome, error) {
	if st.where == "e2e" {
		return s.e2e(st.tests)
	}
	return s.unit(st.where, st.program)
}

// healthy says whether a stage's tests pass as long as every rule is there. Only
// then does it prove anything that one fails.
func (s *scratch) healthy(st stage) error {
	key := st.where + " " + st.program
	if st.where == "e2e" {
		key += strings.Join(st.tests, " ")
	}
	if s.whole[key] == nil {
		found, err := s.outcomes(st)
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
		if err := s.healthy(st); err != nil {
			return "", err
		}
		found, err := s.without(path, mutant, string(source), st)
		if err != nil {
			return "", err
		}
		for _, name := range st.tests {
			if found[name] != passed {
				return test{"", st.program, name}.String(), nil
			}
		}
	}
	return "", nil
}

// without runs a stage while path holds mutant.
func (s *scratch) without(path, mutant, source string, st stage) (map[string]outcome, error) {
	if err := os.WriteFile(path, []byte(mutant), 0o644); err != nil {
		return nil, err
	}
	found, err := s.outcomes(st)
	if restored := os.WriteFile(path, []byte(source), 0o644); err == nil {
		err = restored
	}
	return found, err
}

// prove takes the rules of the rows away, one by one.
func prove(root string, c *contract, ids []string) (bool, error) {
	s, err := newScratch(root)
	if err != nil {
		return false, err
	}
	defer s.log.Close()
	ok, begin, count := true, time.Now(), 0
	var without []string
	for _, r := range c.rows() {
		if len(ids) > 0 && !slices.Contains(ids, r.id) {
			continue
		}
		if len(r.breaks) == 0 {
			without = append(without, r.id)
		}
		for _, m := range r.breaks {
			start := time.Now()
			by, err := s.red(r, m)
			verdict := "red by " + by
			switch {
			case err != nil:
				verdict, ok = err.Error(), false
			case by == "":
				verdict, ok = "GREEN: no test of the row sees that its rule is gone", false
			default:
				count++
			}
			fmt.Printf("%-5s %-42s %5.1f s  %s\n", r.id, m.file, time.Since(start).Seconds(), verdict)
		}
	}
	if len(without) > 0 {
		fmt.Println("no rule to take away:", strings.Join(without, " "))
	}
	fmt.Printf("%d rules taken away and seen red in %.0f s\n", count, time.Since(begin).Seconds())
	return ok, nil
}
