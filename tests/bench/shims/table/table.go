// Package table gathers what was measured of ours beside a peer, and prints it:
// medians, one line a figure.
package table

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// Row is one line: medians, lower is better unless the name says otherwise.
type Row struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Ours  float64 `json:"ours"`
	Peer  float64 `json:"peer,omitempty"`
	Ratio float64 `json:"ratio,omitempty"`
	Goal  string  `json:"goal"`
	Met   bool    `json:"met"`
}

// Table is what was measured so far.
type Table []Row

// Add adds a row as it is.
func (t *Table) Add(r Row) { *t = append(*t, r) }

// Compare adds a row whose goal is a ratio to the peer.
func (t *Table) Compare(name, unit string, ours, peer, goal float64) {
	r := Row{Name: name, Unit: unit, Ours: ours, Peer: peer, Ratio: ours / peer, Goal: fmt.Sprintf("≤ %.3g of the peer's", goal)}
	r.Met = r.Ratio <= goal
	t.Add(r)
}

// Limit adds a row whose goal is a figure of its own; peer is 0 if not measured.
func (t *Table) Limit(name, unit string, ours, peer, goal float64) {
	r := Row{Name: name, Unit: unit, Ours: ours, Peer: peer, Goal: fmt.Sprintf("≤ %.4g %s", goal, unit), Met: ours <= goal}
	if peer > 0 {
		r.Ratio = ours / peer
	}
	t.Add(r)
}

// Info adds a row without a goal.
func (t *Table) Info(name, unit string, ours, peer float64) {
	r := Row{Name: name, Unit: unit, Ours: ours, Peer: peer, Met: true}
	if peer > 0 {
		r.Ratio = ours / peer
	}
	t.Add(r)
}

// Print prints the table for a person.
func (t Table) Print() {
	fmt.Printf("%-46s %12s %12s %8s  %s\n", "", "ours", "peer", "ratio", "goal")
	for _, r := range t {
		peer, ratio, met := "", "", ""
		if r.Peer > 0 {
			peer, ratio = figure(r.Peer, r.Unit), fmt.Sprintf("%.3f", r.Ratio)
		}
		if r.Goal != "" {
			met = map[bool]string{true: "met", false: "MISSED"}[r.Met]
		}
		fmt.Printf("%-46s %12s %12s %8s  %s %s\n", r.Name, figure(r.Ours, r.Unit), peer, ratio, r.Goal, met)
	}
}

func figure(value float64, unit string) string {
	if value >= 1000 {
		return fmt.Sprintf("%.0f %s", value, unit)
	}
	return fmt.Sprintf("%.4g %s", value, unit)
}

// Write writes the table to a file as JSON; no name, no file.
func (t Table) Write(file string) error {
	if file == "" {
		return nil
	}
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

// Median sorts values and gives the middle one.
func Median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
