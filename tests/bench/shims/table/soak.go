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

// Run does the work turns times, looks sixty times on the way, first when a
// twentieth of it has warmed everything up, and prints every third look.
func (s *Soak) Run(turns int, work func() error, look func() Sample) error {
	step, next := max(turns/60, 1), max(turns/20, 1)
	fmt.Printf("%9s %8s %12s %9s %8s\n", s.Name, "seconds", "private", s.Handles, "threads")
	for turn := 1; turn <= turns; turn++ {
		if err := work(); err != nil {
			return fmt.Errorf("%s %d: %w", s.Name, turn, err)
		}
		if turn == next || turn == turns {
			sample := look()
			sample.Turns = turn
			if len(s.Samples)%3 == 0 || turn == turns {
				s.print(sample)
			}
			s.Samples = append(s.Samples, sample)
			next += step
		}
	}
	return nil
}

// print draws one point of the curve, a character for each sixteen KiB that
// there are more, or fewer, than at first.
func (s *Soak) print(sample Sample) {
	bar := 40
	if len(s.Samples) > 0 {
		bar += int((sample.Memory - s.Samples[0].Memory) / 16)
	}
	fmt.Printf("%9d %8.1f %8.0f KiB %9.0f %8.0f  %s\n", sample.Turns, sample.Seconds, sample.Memory, sample.Descriptors,
		sample.Threads, strings.Repeat("#", min(max(bar, 1), 120)))
}

// Growth is the last sample less the first.
func (s *Soak) Growth() (memory, descriptors, threads float64) {
	first, last := s.Samples[0], s.Samples[len(s.Samples)-1]
	return last.Memory - first.Memory, last.Descriptors - first.Descriptors, last.Threads - first.Threads
}

// WriteSoaks writes the samples of all soaks as columns, with a blank line doubled
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
