// Package commands is the command table of the contract's section 5.
package commands

import "strings"

// MountPoint is the environment variable that holds the container volume's path.
const MountPoint = "CONTAINER_SANDBOX_MOUNT_POINT"

// What the programs of the image print: uname.exe and agnhost are the kit itself.
const (
	Uname   = "uname of the image:"
	Pause   = "agnhost of the image: pause"
	Version = "Microsoft Windows ["
)

// Command is a command line, where it runs, and what it must print.
type Command struct {
	Line string // as process.commandLine
	Cwd  string // empty: what containerd's CRI sends when nobody chose
	Says string
}

// Name names the command among the cases.
func (c Command) Name() string {
	name := strings.ReplaceAll(c.Line, MountPoint, "MP")
	if c.Cwd != "" {
		name += " in " + strings.ReplaceAll(c.Cwd, MountPoint, "MP")
	}
	return name
}

// Table gives every command of the table; in the contract MP stands for the
// mount point variable, and a row may have several commands and directories.
func Table() []Command {
	var all []Command
	add := func(says string, cwds []string, lines ...string) {
		for _, line := range lines {
			for _, cwd := range cwds {
				all = append(all, Command{expand(line), expand(cwd), says})
			}
		}
	}
	anywhere := []string{""}
	add(Version, anywhere, `cmd.exe /c ver`)
	add(Version, []string{`c:\Windows`, `c:\Windows\\`}, `System32\cmd.exe /c ver`)
	add(Uname+" -o", anywhere, `%MP%\bin\uname.exe -o`, `%MP%/bin/uname.exe -o`, `%MP%\bin/uname.exe -o`)
	add(Uname+" -o", []string{"", `%MP%`}, `bin/uname.exe -o`)
	add(Uname+" -o", []string{`%MP%`}, `bin\uname.exe -o`)
	add(Uname+" -o", []string{`%MP%/bin`, `%MP%/bin/`, `%MP%\bin\\`}, `uname.exe -o`)
	add(Version, anywhere, `powershell cmd.exe /ver`, `powershell c:/Windows/System32/cmd.exe /c ver`)
	add(Uname+" -o", anywhere, `powershell %MP%\bin\uname.exe -o`, `powershell $env:MP/bin/uname.exe -o`)
	add(Uname+" -o", []string{`$env:MP`}, `powershell bin/uname.exe -o`)
	add(Uname+" -o", []string{`%MP%/bin`, `$env:MP\bin\`}, `powershell .\uname.exe -o`)
	add("uname.exe", anywhere, `cmd.exe /c dir %MP%\bin\uname.exe`)
	add(Pause, anywhere, `/agnhost pause`)
	return all
}

func expand(text string) string {
	return strings.NewReplacer("%MP%", "%"+MountPoint+"%", "$env:MP", "$env:"+MountPoint).Replace(text)
}
