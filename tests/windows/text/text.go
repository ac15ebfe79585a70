// Package text reads what Windows' own tools print, by what does not depend on
// the system's language.
package text

import (
	"encoding/csv"
	"regexp"
	"slices"
	"strings"
)

var sid = regexp.MustCompile(`^S-1-\d+(-\d+)+$`)

// SIDs gives every security identifier in what `whoami /fo csv` prints.
func SIDs(output string) []string {
	reader := csv.NewReader(strings.NewReader(output))
	reader.FieldsPerRecord = -1
	reader.LazyQuotes = true
	records, _ := reader.ReadAll()
	var found []string
	for _, record := range records {
		for _, field := range record {
			if sid.MatchString(field) {
				found = append(found, field)
			}
		}
	}
	return found
}

// Account gives the user's part of the first name in `whoami /user /fo csv /nh`.
func Account(output string) string {
	record, err := csv.NewReader(strings.NewReader(output)).Read()
	if err != nil || len(record) == 0 {
		return ""
	}
	return record[0][strings.LastIndex(record[0], `\`)+1:]
}

var mac = regexp.MustCompile(`\b[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{2}){5}\b`)

// MACs gives the hardware addresses in what `ipconfig /all` prints, as Go
// prints them, sorted.
func MACs(output string) []string {
	var found []string
	for _, address := range mac.FindAllString(output, -1) {
		found = append(found, strings.ToLower(strings.ReplaceAll(address, "-", ":")))
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// CRILog gives what a container printed from its log, whose lines are a time, a
// stream, F or P, and the text.
func CRILog(log string) string {
	var out strings.Builder
	for line := range strings.Lines(log) {
		fields := strings.SplitN(line, " ", 4)
		if len(fields) < 4 {
			continue
		}
		if fields[2] == "P" { // the line goes on
			fields[3] = strings.TrimSuffix(fields[3], "\n")
		}
		out.WriteString(fields[3])
	}
	return out.String()
}
