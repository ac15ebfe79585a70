// Command tools is the few Unix programs that the cases' command lines name, for
// a system that has none of them: one program under several names, sh among them.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// call is one run of a tool, as a process of its own or inside of the shell.
type call struct {
	args     []string
	dir      string
	env      []string
	in       io.Reader
	out, err io.Writer
}

var tools map[string]func(call) int

func init() {
	tools = map[string]func(call) int{
		"cat": cat, "echo": echo, "env": environment, "false": func(call) int { return 1 }, "head": head, "logger": logger,
		"logger-v2": logger, "of-the-image": ofTheImage, "ping": ping, "pwd": pwd, "sh": shell, "sleep": sleep, "tail": tail, "tr": translate,
		"true": func(call) int { return 0 }, "whoami": whoami,
	}
}

func main() {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	tool := tools[name]
	if tool == nil {
		fmt.Fprintf(os.Stderr, "%s is none of the tools\n", name)
		os.Exit(127)
	}
	dir, _ := os.Getwd()
	os.Exit(tool(call{os.Args, dir, os.Environ(), os.Stdin, os.Stdout, os.Stderr}))
}

func (c call) fail(err error) int {
	fmt.Fprintf(c.err, "%s: %v\n", c.args[0], err)
	return 1
}

func (c call) open(name string) (io.ReadCloser, error) {
	if name == "/dev/zero" {
		return io.NopCloser(zeros{}), nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(c.dir, name)
	}
	return os.Open(name)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func cat(c call) int {
	if len(c.args) == 1 {
		if _, err := io.Copy(c.out, c.in); err != nil {
			return c.fail(err)
		}
		return 0
	}
	for _, name := range c.args[1:] {
		file, err := c.open(name)
		if err != nil {
			return c.fail(err)
		}
		_, err = io.Copy(c.out, file)
		_ = file.Close()
		if err != nil {
			return c.fail(err)
		}
	}
	return 0
}

func echo(c call) int {
	fmt.Fprintln(c.out, strings.Join(c.args[1:], " "))
	return 0
}

func environment(c call) int {
	for _, entry := range c.env {
		fmt.Fprintln(c.out, entry)
	}
	return 0
}

// head is head -c COUNT FILE.
func head(c call) int {
	if len(c.args) != 4 || c.args[1] != "-c" {
		return c.fail(fmt.Errorf("want -c COUNT FILE, not %q", c.args[1:]))
	}
	count, err := strconv.ParseInt(c.args[2], 10, 64)
	if err != nil {
		return c.fail(err)
	}
	file, err := c.open(c.args[3])
	if err != nil {
		return c.fail(err)
	}
	defer file.Close()
	if _, err := io.CopyN(c.out, file, count); err != nil && err != io.EOF {
		return c.fail(err)
	}
	return 0
}

func ofTheImage(c call) int {
	fmt.Fprintln(c.out, "image program:", strings.Join(c.args[1:], " "))
	for _, entry := range c.env {
		if of, found := strings.CutPrefix(entry, "OF="); found { // an image that says more
			fmt.Fprintln(c.out, of)
			fmt.Fprintln(c.out, filepath.Base(c.dir))
		}
	}
	return 0
}

// ping is ping -t HOST, which Wine's does not know: it tells a line each second.
func ping(c call) int {
	for {
		fmt.Fprintln(c.out, "Pinging", c.args[len(c.args)-1])
		time.Sleep(time.Second)
	}
}

func pwd(c call) int {
	fmt.Fprintln(c.out, c.dir)
	return 0
}

// sleep is a process of its own when it is long, as other processes of a
// container are; the short ones between two looks at something are not worth one.
func sleep(c call) int {
	seconds, err := strconv.ParseFloat(c.args[len(c.args)-1], 64)
	if err != nil {
		return c.fail(err)
	}
	time.Sleep(time.Duration(seconds * float64(time.Second)))
	return 0
}

// tail is tail FILE for a file without end: its last lines need all memory.
func tail(c call) int {
	file, err := c.open(c.args[1])
	if err != nil {
		return c.fail(err)
	}
	defer file.Close()
	if _, err = io.ReadAll(file); err != nil {
		return c.fail(err)
	}
	return 0
}

// translate is tr FROM TO of one character each; FROM may be \0.
func translate(c call) int {
	from, to := c.args[1], c.args[2]
	if from == `\0` {
		from = "\x00"
	}
	piece := make([]byte, 64<<10)
	for {
		n, err := c.in.Read(piece)
		for i := range n {
			if piece[i] == from[0] {
				piece[i] = to[0]
			}
		}
		if _, failure := c.out.Write(piece[:n]); failure != nil {
			return c.fail(failure)
		}
		if err != nil {
			return 0
		}
	}
}

func whoami(c call) int {
	account, err := user.Current()
	if err != nil {
		return c.fail(err)
	}
	fmt.Fprintln(c.out, account.Username)
	return 0
}

// spawn runs another program, which lives on when ctx ends: who ends it is the
// container's end.
func spawn(_ context.Context, path string, c call) int {
	command := exec.Command(path)
	command.Args, command.Dir, command.Env = c.args, c.dir, c.env
	command.Stdin, command.Stdout, command.Stderr = c.in, c.out, c.err
	err := command.Run()
	if command.ProcessState == nil {
		return c.fail(err)
	}
	return command.ProcessState.ExitCode()
}
