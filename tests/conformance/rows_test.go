package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const text = `# a comment
skip wine host_windows_job: test_memory_limit
== 4 Volume
4.1 A link leads nowhere.
  unit host_linux_walk: links_never_lead_out loops_end
  e2e TestVolume/bind: a-link
  kit volume/junction
  break src/a.c
  - if (link)
  -   return -1;
  + if (0)
  +   return -1;
4.2 Another.
  open Windows has no answer
`

func TestRowsAreRead(t *testing.T) {
	c, err := parseRows("rows.txt", text)
	if err != nil {
		t.Fatal(err)
	}
	rows := c.rows()
	if len(rows) != 2 || rows[0].id != "4.1" || rows[1].open != "Windows has no answer" {
		t.Fatalf("%+v", rows)
	}
	want := []test{{"unit", "host_linux_walk", "links_never_lead_out"}, {"unit", "host_linux_walk", "loops_end"},
		{"e2e", "", "TestVolume/bind/a-link"}, {"kit", "", "volume/junction"}}
	if !slices.Equal(rows[0].tests, want) {
		t.Errorf("tests %v", rows[0].tests)
	}
	if m := (mutation{"src/a.c", "if (link)\n  return -1;", "if (0)\n  return -1;"}); rows[0].breaks[0] != m {
		t.Errorf("%q", rows[0].breaks)
	}
	if !c.skips["wine host_windows_job"]["test_memory_limit"] {
		t.Errorf("%v", c.skips)
	}
}

func TestBadRowsAreRefused(t *testing.T) {
	for _, bad := range []string{"4.1 no section", "== 4 A\n5.1 of another section", "== 4 A\n4.1 a\n4.1 b", "== 4 A\n  unit a: b",
		"== 4 A\n4.1 a\n  unit a b", "== 4 A\n4.1 a\n  - text", "== 4 A\n4.1 a\n  break f\n  + x", "== 4 A\n4.1 a\n  what is this"} {
		if _, err := parseRows("rows.txt", bad); err == nil {
			t.Errorf("accepted: %q", bad)
		}
	}
}

func TestARuleIsTakenAwayOnce(t *testing.T) {
	m := mutation{"f", "b", "c"}
	if got, err := m.apply("abd"); err != nil || got != "acd" {
		t.Errorf("%q, %v", got, err)
	}
	for _, source := range []string{"a", "bb"} {
		if _, err := m.apply(source); err == nil {
			t.Errorf("%q is changed", source)
		}
	}
}

// run gives a row's verdict in lanes of which some ran.
func run(t *testing.T, claims map[test][]string, ran map[string]map[test]outcome) report {
	t.Helper()
	c, err := parseRows("rows.txt", strings.Split(text, "4.2")[0])
	if err != nil {
		t.Fatal(err)
	}
	var lanes []*lane
	for _, l := range []*lane{{name: "unit", kind: "unit", place: always(onLinux)}, {name: "e2e", kind: "e2e", place: always(onLinux)},
		{name: "e2e-wine", kind: "e2e", place: always(onWine)}} {
		l.tests, l.ran = ran[l.name], ran[l.name] != nil
		lanes = append(lanes, l)
	}
	return render(c, lanes, claims)
}

func TestVerdicts(t *testing.T) {
	links, loops, e2e := test{"unit", "host_linux_walk", "links_never_lead_out"}, test{"unit", "host_linux_walk", "loops_end"},
		test{"e2e", "", "TestVolume/bind/a-link"}
	units := map[test]outcome{links: passed, loops: passed}
	suite := map[test]outcome{e2e: passed}
	r := run(t, nil, map[string]map[test]outcome{"unit": units, "e2e": suite, "e2e-wine": {}})
	if len(r.problems) != 0 || !strings.Contains(r.page, "`TestVolume/bind`: `a-link` (Linux)") {
		t.Errorf("%v\n%s", r.problems, r.page)
	}
	if r := run(t, nil, map[string]map[test]outcome{"unit": {links: passed, loops: failed}, "e2e": suite}); !strings.Contains(strings.Join(r.problems, "\n"), "failed in lane unit") {
		t.Errorf("%v", r.problems)
	}
	if r := run(t, nil, map[string]map[test]outcome{"unit": {links: passed}, "e2e": suite}); !strings.Contains(strings.Join(r.problems, "\n"), "no lane has shown host_linux_walk: loops_end") {
		t.Errorf("%v", r.problems)
	}
	// What a lane that did not run has shown before is believed, and nothing else is.
	claims := readClaimsOf(t, r.page)
	if again := run(t, claims, map[string]map[test]outcome{"unit": units}); len(again.problems) != 0 || again.page != r.page {
		t.Errorf("%v\n%s", again.problems, again.page)
	}
	if again := run(t, claims, map[string]map[test]outcome{"e2e": {}, "e2e-wine": {}}); len(again.problems) == 0 {
		t.Error("a test that did not run where it ran before is not missed")
	}
	// One that is skipped, or whose parent is, is believed too: which skips are allowed is the lanes' to say.
	if again := run(t, claims, map[string]map[test]outcome{"unit": units, "e2e": {{"e2e", "", "TestVolume"}: skipped}}); len(again.problems) != 0 || again.page != r.page {
		t.Errorf("%v\n%s", again.problems, again.page)
	}
}

func readClaimsOf(t *testing.T, page string) map[test][]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	return readClaims(path)
}

func TestChecksOwnLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.checks")
	log := "/x/a.c:10:P:core:fine:0: Passed\n/x/a.c:11:P:core:loop:0: Passed\n/x/a.c:12:F:core:loop:1: Assertion 'a: b' failed\n/x/a.c:13:E:core:dies:0: (after this point)\n"
	if err := os.WriteFile(path, []byte(log), 0o644); err != nil {
		t.Fatal(err)
	}
	found := readCheckLog(path)
	if found["fine"] != passed || found["loop"] != failed || found["dies"] != failed || len(found) != 3 {
		t.Errorf("%v", found)
	}
}
