package table

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Sample is what a shim has after so many turns of a soak.
type Sample struct {
	Turns       int
	Seconds     float64 // since the soak began
	Memory      float64 // private and dirty, KiB, or what Soak.Held says
	Descriptors float64 // handles on Windows
	Threads     float64
}

// Soak is one long run of the same work, and what it may grow by.
type Soak struct {
	Name, Handles string // what is done; what its descriptors are called
	Held          string // what is looked at of memory; "": "private"
	WarmUp        int    // turns before what counts; 0: a twentieth of all, and nothing is looked at before
	Samples       []Sample
}

// Run does the work turns times, looks sixty times on the way, when the work is
// at rest, and prints every third look.
func (s *Soak) Run(turns int, work func(turns int) error, look func() Sample) error {
	step := max(turns/60, 1)
	next := step
	if s.WarmUp == 0 {
		s.WarmUp = max(turns/20, 1)
		next = s.WarmUp
	}
	fmt.Printf("%9s %8s %12s %9s %8s\n", s.Name, "seconds", cmp.Or(s.Held, "private"), s.Handles, "threads")
	for done := 0; done < turns; next = min(next+step, turns) {
		if done < s.WarmUp && next > s.WarmUp {
			next = s.WarmUp // what counts begins at a look
		}
		if err := work(next - done); err != nil {
			return fmt.Errorf("%s %d to %d: %w", s.Name, done+1, next, err)
		}
		done = next
		sample := look()
		sample.Turns = done
		if len(s.Samples)%3 == 0 || done == s.WarmUp || done == turns {
			s.print(sample)
		}
		s.Samples = append(s.Samples, sample)
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

// warm gives the samples that count, from the end of the warm-up on.
func (s *Soak) warm() []Sample {
	return s.Samples[slices.IndexFunc(s.Samples, func(sample Sample) bool { return sample.Turns >= s.WarmUp }):]
}

// Growth is the last sample less that at the end of the warm-up.
func (s *Soak) Growth() (memory, descriptors, threads float64) {
	first, last := s.warm()[0], s.Samples[len(s.Samples)-1]
	return last.Memory - first.Memory, last.Descriptors - first.Descriptors, last.Threads - first.Threads
}

// Warming is what memory grew by from the first look to the end of the warm-up, KiB.
func (s *Soak) Warming() float64 { return s.warm()[0].Memory - s.Samples[0].Memory }

// Slope is what memory grows by for each further turn, in bytes: the line through
// the last half of what counts, by least squares. 0 for fewer than two samples.
func (s *Soak) Slope() float64 {
	warm := s.warm()
	half := warm[len(warm)/2:]
	var turns, memory, above, below float64
	for _, sample := range half {
		turns += float64(sample.Turns) / float64(len(half))
		memory += sample.Memory / float64(len(half))
	}
	for _, sample := range half {
		off := float64(sample.Turns) - turns
		above += off * (sample.Memory - memory)
		below += off * off
	}
	if below == 0 {
		return 0
	}
	return above / below * 1024
}

// WriteSoaks writes the samples of all soaks as columns, with a blank line doubled
// between them, as gnuplot reads them.
func WriteSoaks(file string, soaks ...*Soak) error {
	var text strings.Builder
	for i, s := range soaks {
		if i > 0 {
			text.WriteString("\n\n")
		}
		fmt.Fprintf(&text, "# %s\tseconds\t%s KiB\t%s\tthreads\n", s.Name, cmp.Or(s.Held, "private"), s.Handles)
		for _, sample := range s.Samples {
			fmt.Fprintf(&text, "%d\t%.1f\t%.0f\t%.0f\t%.0f\n", sample.Turns, sample.Seconds, sample.Memory, sample.Descriptors, sample.Threads)
		}
	}
	return os.WriteFile(file, []byte(text.String()), 0o644)
}
