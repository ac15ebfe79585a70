package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// Wine gives a process on a pseudo console no standard handles, though the console
// is there to be opened.
func init() {
	for _, stream := range []struct {
		number  uint32
		console string
		file    **os.File
	}{{windows.STD_INPUT_HANDLE, "CONIN$", &os.Stdin}, {windows.STD_OUTPUT_HANDLE, "CONOUT$", &os.Stdout}, {windows.STD_ERROR_HANDLE, "CONOUT$", &os.Stderr}} {
		if handle, err := windows.GetStdHandle(stream.number); err == nil && handle != 0 {
			continue
		}
		if file, err := os.OpenFile(stream.console, os.O_RDWR, 0); err == nil {
			*stream.file = file
		}
	}
}
