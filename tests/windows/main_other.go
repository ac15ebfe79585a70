//go:build !windows

// Command kit is the conformance kit; it is built for Windows and runs there.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "kit: it runs on Windows: build it with GOOS=windows")
	os.Exit(1)
}
