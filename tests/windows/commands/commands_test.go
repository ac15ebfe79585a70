package commands

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	names := map[string]bool{}
	for _, c := range Table() {
		if names[c.Name()] {
			t.Errorf("%q is there twice", c.Name())
		}
		names[c.Name()] = true
		if c.Line == "" || c.Says == "" {
			t.Errorf("%q is not whole", c.Name())
		}
		if strings.Contains(c.Line+c.Cwd, "MP%") || strings.Contains(c.Line+c.Cwd, ":MP") {
			t.Errorf("%q in %q is not expanded", c.Line, c.Cwd)
		}
	}
	for _, name := range []string{`cmd.exe /c ver`, `System32\cmd.exe /c ver in c:\Windows\\`, `bin/uname.exe -o in %MP%`,
		`uname.exe -o in %MP%\bin\\`, `powershell $env:MP/bin/uname.exe -o`, `powershell .\uname.exe -o in $env:MP\bin\`, `/agnhost pause`} {
		if !names[name] {
			t.Errorf("%q is missing", name)
		}
	}
}
