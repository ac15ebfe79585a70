package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

// newScratch copies files of the checkout into a folder below build/conformance:
// what is built there already is built again only where a file changed.
func newScratch(root, name string, files []string) (*scratch, error) {
	s := &scratch{root: root, dir: filepath.Join(root, "build", "conformance", name), ready: map[string]bool{}, whole: map[string]map[string]outcome{}}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	var err error
	log := filepath.Join(root, "build", "conformance", name+".log")
	if s.log, err = os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o644); err != nil {
		return nil, err
	}
	keep := map[string]bool{}
	for _, name := range files {
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

// The suite, and what runs under Wine, have the machine for themselves.
var suite, wine alone

// alone is held by one at a time; where several checkouts share a machine, the
// environment can name a file that they all lock.
type alone struct {
	sync.Mutex
	file *os.File
}

func (a *alone) begin(variable string) error {
	a.Lock()
	path := os.Getenv(variable)
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
	if err == nil {
		locked := make(chan error, 1)
		go func() { locked <- syscall.Flock(int(file.Fd()), syscall.LOCK_EX) }()
		select {
		case err = <-locked:
		case <-going.Done():
			return context.Cause(going) // the end: nobody else begins
		}
	}
	if err != nil {
		a.Unlock()
		return fmt.Errorf("%s: %w", variable, err)
	}
	a.file = file
	return nil
}

func (a *alone) end() {
	if a.file != nil {
		a.file.Close() // and the lock is gone with it
		a.file = nil
	}
	a.Unlock()
}

// going ends with a signal, and with it all that was started.
var going, _ = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)

// run runs a command in the scratch copy; at its time's end it is killed with
// all that it started.
func (s *scratch) run(limit time.Duration, env []string, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(going, limit)
	defer cancel()
	return s.runWithin(ctx, env, name, args...)
}

func (s *scratch) runWithin(ctx context.Context, env []string, name string, args ...string) error {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.Env = s.dir, append(os.Environ(), env...)
	command.Stdout, command.Stderr = s.log, s.log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error {
		// Check's programs end their tests, which are in groups of their own, when they are asked.
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGTERM)
		time.Sleep(time.Second)
		return syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
	}
	command.WaitDelay = 10 * time.Second
	fmt.Fprintln(s.log, "+", name, strings.Join(args, " "))
	return command.Run()
}

// prefix is where Wine's units run.
func (s *scratch) prefix() string { return filepath.Join(s.root, "build", "wine-units") }

// readyForWindows gets the libraries for Windows and Wine's prefix.
func (s *scratch) readyForWindows() error {
	if err := wine.begin("HP_WINE_LOCK"); err != nil {
		return err
	}
	defer wine.end()
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
	return nil
}

// build builds targets of a preset. Warnings are no errors here: what uses a
// rule alone is unused without it.
func (s *scratch) build(preset string, targets ...string) error {
	if !s.ready[preset] {
		if preset == "windows" {
			if err := s.readyForWindows(); err != nil {
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

// untilFailed ends with limit, or as soon as one of the tests has failed: a rule
// that is gone makes others hang.
func untilFailed(limit time.Duration, checks string, tests []string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(going, limit)
	go func() {
		for ctx.Err() == nil {
			time.Sleep(200 * time.Millisecond)
			found := readCheckLog(checks)
			if slices.ContainsFunc(tests, func(name string) bool { return found[name] == failed }) {
				cancel()
			}
		}
	}()
	return ctx, cancel
}

// unit builds one program and gives its tests' outcomes; it may stop at the first
// of these that fails.
func (s *scratch) unit(preset, program string, stopAt []string) (map[string]outcome, error) {
	if err := s.build(preset, "unit_"+program); err != nil {
		return nil, err
	}
	checks := filepath.Join(s.dir, "build", preset+"-"+program+".checks")
	_ = os.Remove(checks)
	env := []string{"CK_LOG_FILE_NAME=" + checks, "CK_VERBOSITY=normal"}
	binary := filepath.Join(s.dir, "build", preset, "tests", "unit", "unit_"+program)
	if preset == "windows" {
		if err := wine.begin("HP_WINE_LOCK"); err != nil {
			return nil, err
		}
		defer wine.end()
		env = append(env, "WINEPREFIX="+s.prefix())
		_ = s.run(3*time.Minute, env, filepath.Join(s.root, "scripts", "wine.sh"), "run", binary+".exe")
	} else {
		// Mounts that a rule's absence leaves behind go with the namespace.
		ctx, cancel := untilFailed(2*time.Minute, checks, stopAt)
		defer cancel()
		_ = s.runWithin(ctx, env, "unshare", "--mount", binary)
	}
	return readCheckLog(checks), nil
}

// buildSuite builds the behaviour suite, once.
var buildSuite = sync.OnceValues(func() (string, error) {
	built, err := filepath.Abs(filepath.Join(*root, "build", "conformance", "e2e.test"))
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "test", "-c", "-o", built, ".")
	build.Dir = filepath.Join(*root, "tests", "e2e")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the behaviour suite: %s", out)
	}
	return built, nil
})

// e2e runs tests of the behaviour suite against the scratch copy's shim.
func (s *scratch) e2e(names []string) (map[string]outcome, error) {
	if err := s.build("dev", "shim"); err != nil {
		return nil, err
	}
	binary, err := buildSuite()
	if err != nil {
		return nil, err
	}
	if err := suite.begin("HP_E2E_LOCK"); err != nil {
		return nil, err
	}
	defer suite.end()
	found := map[string]outcome{}
	for _, name := range names {
		log := filepath.Join(s.dir, "build", "e2e.log")
		pattern := "^" + strings.ReplaceAll(name, "/", "$/^") + "$"
		script := `cd tests/e2e && exec "$0" -test.v -test.timeout 3m -test.run "$1" >"$2" 2>&1 </dev/null`
		env := []string{"HP_CONTAINERD=" + os.Getenv("HP_CONTAINERD"), "HP_CTR=" + filepath.Join(filepath.Dir(os.Getenv("HP_CONTAINERD")), "ctr"),
			"HP_SHIM_DIR=" + filepath.Join(s.dir, "build", "dev"), "HP_LANE=conformance"}
		_ = s.run(4*time.Minute, env, "sh", "-c", script, binary, pattern, log)
		l := &lane{tests: map[test]outcome{}}
		l.readGo(log)
		found[name] = l.tests[test{"e2e", "", name}]
	}
	return found, nil
}
