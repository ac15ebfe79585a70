package text

import (
	"slices"
	"testing"
)

func TestSIDs(t *testing.T) {
	output := "\"nt-autorität\\system\",\"S-1-5-18\"\r\n\"Jeder\",\"Bekannte Gruppe\",\"S-1-1-0\",\"Verbindliche Gruppe, x\"\r\n\"S-1-x\",\"no S-1-5-32-544 here\"\r\n"
	if got := SIDs(output); !slices.Equal(got, []string{"S-1-5-18", "S-1-1-0"}) {
		t.Errorf("%q", got)
	}
	if got := SIDs(""); got != nil {
		t.Errorf("%q", got)
	}
}

func TestAccount(t *testing.T) {
	for output, want := range map[string]string{"\"node\\hpc-0123456789abcdef\",\"S-1-5-21-1\"\r\n": "hpc-0123456789abcdef", "\"alone\",\"S-1-5-21-1\"\r\n": "alone", "": ""} {
		if got := Account(output); got != want {
			t.Errorf("%q: %q", output, got)
		}
	}
}

func TestMACs(t *testing.T) {
	output := "   Physische Adresse  . . . . . . : 00-15-5D-01-02-03\r\n   DUID . : 00-01-00-01-2B-11-22-33-00-15-5D-01-02-03\r\n   Physical Address. : 00-15-5D-01-02-03\r\n   X: 0A-00-27-00-00-0F\r\n"
	got := MACs(output)
	if !slices.Contains(got, "00:15:5d:01:02:03") || !slices.Contains(got, "0a:00:27:00:00:0f") {
		t.Errorf("%q", got)
	}
}

func TestCRILog(t *testing.T) {
	log := "2026-01-02T03:04:05.6Z stdout F \"nt authority\\system\",\"S-1-5-18\"\n2026-01-02T03:04:05.6Z stderr P a b  c\n2026-01-02T03:04:05.6Z stderr F d\nbroken\n"
	if got := CRILog(log); got != "\"nt authority\\system\",\"S-1-5-18\"\na b  cd\n" {
		t.Errorf("%q", got)
	}
}
