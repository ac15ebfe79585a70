package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/Microsoft/go-winio"
)

// logger is a logging program: logger to FILE writes both streams, its arguments
// and its environment to files whose names begin so. logger-v2 says by a byte
// that it is ready, logger by closing.
func logger(c call) int {
	file := c.args[2]
	write := func(end, text string) error { return os.WriteFile(file+end, []byte(text), 0o644) }
	err := write(".env", strings.Join(c.env, "\n")+"\n")
	if err == nil {
		err = write(".args", strings.Join(c.args[1:], " ")+"\n")
	}
	if err != nil {
		return c.fail(err)
	}
	var group sync.WaitGroup
	for end, variable := range map[string]string{".out": "CONTAINER_STDOUT", ".err": "CONTAINER_STDERR"} {
		pipe, err := winio.DialPipe(os.Getenv(variable), nil)
		if err != nil {
			return c.fail(fmt.Errorf("%s: %w", variable, err))
		}
		to, err := os.Create(file + end)
		if err != nil {
			return c.fail(err)
		}
		group.Go(func() { _, _ = io.Copy(to, pipe) })
	}
	ready, err := winio.DialPipe(os.Getenv("CONTAINER_WAIT"), nil)
	if err != nil {
		return c.fail(err)
	}
	if strings.Contains(c.args[0], "v2") {
		_, _ = ready.Write([]byte("x"))
	}
	_ = ready.Close()
	group.Wait()
	return 0
}
