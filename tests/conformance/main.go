// Command conformance writes docs/conformance.md from rows.txt and the results of
// a test run, checks it, and proves the rows; scripts/conformance.sh runs it.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var (
	root   = flag.String("root", ".", "the checkout")
	check  = flag.Bool("check", false, "compare with the committed page instead of writing it")
	lanes  = flag.String("lanes", "", "the lanes whose results count; empty: all that left some under build/")
	rows   = flag.String("rows", "tests/conformance/rows.txt", "the rows, below the checkout")
	proves = flag.Bool("prove", false, "take the rules of the rows or sections that follow (all, if none) away and see them red")
	goOn   = flag.Bool("continue", false, "with -prove: but for those that were seen red of the same sources before")
)

func main() {
	flag.Parse()
	c, err := readRows(filepath.Join(*root, filepath.FromSlash(*rows)))
	if err != nil {
		fail(err)
	}
	ok := false
	if *proves {
		ok, err = prove(*root, c, flag.Args(), *goOn)
	} else {
		ok, err = page(c)
	}
	if err != nil {
		fail(err)
	}
	if !ok {
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "conformance:", err)
	os.Exit(1)
}

// page writes the page, or compares it: it is true when nothing is red.
func page(c *contract) (bool, error) {
	path := filepath.Join(*root, "docs", "conformance.md")
	var wanted []string
	if *lanes != "" {
		wanted = strings.Fields(*lanes)
	}
	found := results(*root, c, wanted)
	var missing []string
	for _, l := range found {
		if !l.ran {
			missing = append(missing, l.name)
		}
	}
	if len(missing) > 0 {
		fmt.Printf("no part of this run, the committed page is believed of them: %s\n", strings.Join(missing, ", "))
	}
	r := render(c, found, readClaims(path))
	problems := append(looks(*root, c), r.problems...)
	if *check {
		committed, err := os.ReadFile(path)
		if err != nil {
			return false, err
		}
		problems = append(problems, differences(string(committed), r.page)...)
	} else if err := os.WriteFile(path, []byte(r.page), 0o644); err != nil {
		return false, err
	}
	for _, problem := range problems {
		fmt.Println(problem)
	}
	lines := strings.Split(strings.TrimSpace(r.page), "\n")
	fmt.Println(lines[len(lines)-1])
	return len(problems) == 0, nil
}

// differences are the lines of one page that are not in the other.
func differences(committed, now string) []string {
	var found []string
	a, b := strings.Split(committed, "\n"), strings.Split(now, "\n")
	for _, line := range a {
		if !slices.Contains(b, line) {
			found = append(found, "docs/conformance.md says: "+line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			found = append(found, "this run says:            "+line)
		}
	}
	if len(found) == 0 && committed != now {
		found = []string{"docs/conformance.md has its lines in another order"}
	}
	return found
}
