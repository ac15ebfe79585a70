//go:build windows

package main

import (
	"errors"
	"fmt"
	"log"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"hostprocess-shim/tests/bench/shims/table"
)

const (
	// countWarmUp is enough for what the shim makes once, and keeps.
	countWarmUp = 250
	looks       = 20
	pause       = 10 * time.Millisecond
)

// held is what tests/bench/heap_count.c shares.
type held struct{ blocks, bytes int64 }

// countSoak has a shim that counts what it holds of the C heap run execs.
func countSoak(shim, program, bundle string, execs int) (table.Table, error) {
	s := &table.Soak{Name: "execs", Held: "C heap", Handles: "blocks", WarmUp: countWarmUp}
	if err := soakShim(s, shim, program, bundle, countWarmUp+execs, count); err != nil {
		return nil, err
	}
	var results table.Table
	memory, blocks, _ := s.Growth()
	results.Limit(fmt.Sprintf("C heap: blocks more after %d execs", execs), "", blocks, 0, 0)
	results.Info("… bytes more", "B", memory*1024, 0)
	results.Info("… bytes in all", "B", s.Samples[len(s.Samples)-1].Memory*1024, 0)
	return results, nil
}

// count gives what reads the numbers of a process: the least of some looks, for
// an event or an answer may be on its way still.
func count(onLinux int, pid uint32) func() table.Sample {
	begin, name := time.Now(), windows.StringToUTF16Ptr(fmt.Sprintf(`Local\hp-heap-count-%d`, pid))
	mapping, err := windows.CreateFileMapping(windows.InvalidHandle, nil, windows.PAGE_READWRITE, 0, uint32(unsafe.Sizeof(held{})), name)
	if !errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		log.Fatalf("the shim does not count its heap: build it with HP_COUNT_HEAP (%v)", err)
	}
	view, err := windows.MapViewOfFile(mapping, windows.FILE_MAP_READ, 0, 0, 0)
	if err != nil {
		log.Fatal("MapViewOfFile: ", err)
	}
	now := *(**held)(unsafe.Pointer(&view)) // memory that Go knows nothing of
	return func() table.Sample {
		least := *now
		for range looks {
			time.Sleep(pause)
			least = held{min(least.blocks, now.blocks), min(least.bytes, now.bytes)}
		}
		return table.Sample{Seconds: time.Since(begin).Seconds(), Memory: float64(least.bytes) / 1024, Descriptors: float64(least.blocks),
			Threads: threads(onLinux)}
	}
}
