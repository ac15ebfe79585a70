// Package docs checks that the pages say what the shim does: its examples are
// run, its texts are looked up in the source.
package docs

import (
	"os"
	"path/filepath"
	"testing"
)

const root = "../.." // of the repository

// program is the path in an environment variable that scripts/test.sh sets.
func program(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Fatalf("%s is unset: run scripts/test.sh docs", variable)
	}
	return path
}

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
