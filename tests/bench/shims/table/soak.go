package table

import (
	"fmt"
	"os"
	"strings"
)

// Sample is what a shim has after so many turns of a soak.
type Sample struct {
	Turns       int
	Seconds     float64 // since the soak began
	Memory      float64 // private and dirty, KiB
	Descriptors float64 // handles on Windows
	Threads     float64
}

// Soak is one long run of the same work, and what it may grow by.
type Soak struct {
	Name, Handles string // what is done; what its descriptors are called
	Samples       []Sample
}

// Run does the work turns times and looks sixty times on the way, first when a
// twentieth of it has warmed everything up.
func (s *Soak) Run(turns int, work func() error, look func() Sample) error {
	step, next := max(turns/60, 1), max(turns/20, 1)
	for turn := 1; turn <= turns; turn++ {
		if err := work(); err != nil {
			return fmt.Errorf("%s %d: %w", s.Name, turn, err)
		}
		if turn == next || turn == turns {
			sample := look()
			sample.Turns = turn
			s.Samples = append(s.Samples, sample)
			next += step
		}
	}
	return nil
}

// Growth is the last sample less the first.
func (s *Soak) Growth() (memory, descriptors, threads float64) {
	first, last := s.Samples[0], s.Samples[len(s.Samples)-1]
	return last.Memory - first.Memory, last.Descriptors - first.Descriptors, last.Threads - first.Threads
}

// Print prints the curve, one line for every third sample.
func (s *Soak) Print() {
	most := 1.0
	for _, sample := range s.Samples {
		most = max(most, sample.Memory)
	}
	fmt.Printf("%9s %8s %12s %9s %8s  %s\n", s.Name, "seconds", "private", s.Handles, "threads", "private memory")
	for i, sample := range s.Samples {
		if i%3 != 0 && i != len(s.Samples)-1 {
			continue
		}
		fmt.Printf("%9d %8.1f %8.0f KiB %9.0f %8.0f  %s\n", sample.Turns, sample.Seconds, sample.Memory, sample.Descriptors,
			sample.Threads, strings.Repeat("#", int(40*sample.Memory/most)))
	}
}

// Write writes the samples of all soaks as columns, with a blank line doubled
// between them, as gnuplot reads them.
func WriteSoaks(file string, soaks ...*Soak) error {
	var text strings.Builder
	for i, s := range soaks {
		if i > 0 {
			text.WriteString("\n\n")
		}
		fmt.Fprintf(&text, "# %s\tseconds\tprivate KiB\t%s\tthreads\n", s.Name, s.Handles)
		for _, sample := range s.Samples {
			fmt.Fprintf(&text, "%d\t%.1f\t%.0f\t%.0f\t%.0f\n", sample.Turns, sample.Seconds, sample.Memory, sample.Descriptors, sample.Threads)
		}
	}
	return os.WriteFile(file, []byte(text.String()), 0o644)
}
