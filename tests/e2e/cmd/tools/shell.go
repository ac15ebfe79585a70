package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// shell is sh -c SCRIPT [NAME ARGUMENT…].
func shell(c call) int {
	if len(c.args) < 3 || c.args[1] != "-c" {
		return c.fail(fmt.Errorf("want -c SCRIPT, not %q", c.args[1:]))
	}
	name, rest := "sh", c.args[3:]
	if len(rest) > 0 {
		name, rest = rest[0], rest[1:]
	}
	script, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(c.args[2]), name)
	if err != nil {
		return c.fail(err)
	}
	runner, err := interp.New(interp.StdIO(os.Stdin, c.out, c.err), interp.Params(append([]string{"--"}, rest...)...),
		interp.ExecHandlers(inside), interp.CallHandler(trap))
	if err != nil {
		return c.fail(err)
	}
	return status(c, runner.Run(context.Background(), script))
}

func status(c call, err error) int {
	var exit interp.ExitStatus
	if errors.As(err, &exit) {
		return int(exit)
	}
	if err != nil {
		return c.fail(err)
	}
	return 0
}

// inside runs the tools without a process of their own, where none is needed.
func inside(next interp.ExecHandlerFunc) interp.ExecHandlerFunc {
	return func(ctx context.Context, args []string) error {
		handler := interp.HandlerCtx(ctx)
		c := call{args, handler.Dir, list(handler.Env), handler.Stdin, handler.Stdout, handler.Stderr}
		tool, code := tools[args[0]], 0
		if tool != nil && args[0] != "sh" && !isLongSleep(args) {
			code = tool(c)
		} else {
			path, err := interp.LookPathDir(handler.Dir, handler.Env, args[0])
			if err != nil {
				return next(ctx, args)
			}
			code = spawn(ctx, path, c)
		}
		if code != 0 {
			return interp.ExitStatus(code)
		}
		return nil
	}
}

func isLongSleep(args []string) bool {
	seconds, err := strconv.ParseFloat(args[len(args)-1], 64)
	return args[0] == "sleep" && (err != nil || seconds >= 2)
}

func list(environ expand.Environ) []string {
	var all []string
	for name, variable := range environ.Each {
		if variable.Exported {
			all = append(all, name+"="+variable.Str)
		}
	}
	return all
}

// trap makes the shell's trap COMMAND TERM work, which the interpreter has only
// for its own conditions.
func trap(ctx context.Context, args []string) ([]string, error) {
	if args[0] != "trap" || len(args) != 3 || args[2] != "TERM" {
		return args, nil
	}
	handler := interp.HandlerCtx(ctx)
	c := call{args, handler.Dir, list(handler.Env), handler.Stdin, handler.Stdout, handler.Stderr}
	script, err := syntax.NewParser().Parse(strings.NewReader(args[1]), "trap")
	if err != nil {
		return nil, err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		for range signals {
			runner, err := interp.New(interp.StdIO(nil, handler.Stdout, handler.Stderr), interp.ExecHandlers(inside))
			if err == nil {
				err = runner.Run(ctx, script)
			}
			if runner != nil && runner.Exited() {
				os.Exit(status(c, err))
			}
		}
	}()
	return []string{"true"}, nil
}
