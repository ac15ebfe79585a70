//go:build windows

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/windows"

	"hostprocess-shim/tests/windows/commands"
)

// runTool is what the kit does under another name, in a container's image.
func runTool() {
	self, _ := os.Executable()
	switch strings.TrimSuffix(strings.ToLower(filepath.Base(self)), ".exe") {
	case "uname":
		fmt.Println(commands.Uname, strings.Join(os.Args[1:], " "))
	case "agnhost":
		fmt.Println("agnhost of the image:", strings.Join(os.Args[1:], " "))
	case "tool":
		tool(os.Args[1:])
	default:
		return
	}
	os.Exit(0)
}

func tool(args []string) {
	number := 0
	if len(args) > 1 {
		number, _ = strconv.Atoi(args[1])
	}
	switch args[0] {
	case "sleep":
		fmt.Println("ready")
		time.Sleep(time.Duration(number) * time.Second)
	case "eat": // MiB
		var all [][]byte
		for i := range number {
			block := make([]byte, 1<<20)
			for j := 0; j < len(block); j += 4096 {
				block[j] = 1
			}
			all = append(all, block)
			if i%16 == 15 {
				fmt.Println("has", i+1)
			}
		}
		fmt.Println("has all", len(all))
	case "spin": // seconds
		fmt.Printf("used %.0f percent\n", spin(time.Duration(number)*time.Second)*100)
	}
}

// spin keeps every processor busy and gives the share of them that it got.
func spin(duration time.Duration) float64 {
	begin := time.Now()
	done := make(chan struct{})
	for range runtime.NumCPU() {
		go func() {
			for time.Since(begin) < duration {
			}
			done <- struct{}{}
		}()
	}
	for range runtime.NumCPU() {
		<-done
	}
	var created, exited, kernel, user windows.Filetime
	_ = windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user)
	ticks := func(f windows.Filetime) float64 { return float64(f.HighDateTime)*(1<<32) + float64(f.LowDateTime) }
	return (ticks(kernel) + ticks(user)) / 1e7 / time.Since(begin).Seconds() / float64(runtime.NumCPU())
}
