//go:build windows

package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/windows"

	"hostprocess-shim/tests/windows/suite"
	"hostprocess-shim/tests/windows/text"
)

const (
	whoamiUser   = `whoami.exe /user /fo csv /nh`
	whoamiGroups = `whoami.exe /groups /fo csv /nh`
	administers  = "S-1-5-32-544"
	highLevel    = "S-1-16-12288"
)

func accountCases(n *node) []suite.Case {
	var all []suite.Case
	add := func(name, row string, run func(*suite.T)) {
		all = append(all, suite.Case{Name: "account/" + name, Row: "2: " + row, Run: run})
	}
	for sid, names := range map[string][]string{
		"S-1-5-18": {`NT AUTHORITY\SYSTEM`, `nt authority\system`, `SYSTEM`, `LocalSystem`, `S-1-5-18`},
		"S-1-5-19": {`NT AUTHORITY\Local service`, `NT AUTHORITY\LocalService`, `local service`, `LOCALSERVICE`, `S-1-5-19`},
		"S-1-5-20": {`NT AUTHORITY\NetworkService`, `NT AUTHORITY\Network Service`, `networkservice`, `S-1-5-20`},
	} {
		for _, user := range names {
			add(user, "the three services, in every spelling and as SIDs", func(t *suite.T) {
				if got := text.SIDs(n.print(t, user, whoamiUser)); !slices.Equal(got, []string{sid}) {
					t.Errorf("whoami: %q, not %s", got, sid)
				}
			})
		}
	}
	add("local-group", "a local group: an ephemeral user, which goes with its profile", n.localGroup)
	add("group-rights", "a local group: the group's rights (icacls) are the container's", n.groupRights)
	add("administrators", "an administrators' group: the elevated token", n.administrators)
	add("group-of-an-init-container", "hpc-localgroup made by an init container", n.groupOfInitContainer)
	add("group-that-is-not-there", "neither account nor local group is refused", func(t *suite.T) {
		n.refused(t, n.spec(t, "kit-no-such-group", whoamiUser), "kit-no-such-group")
	})
	add("ContainerUser", "what an image's USER brings is refused", func(t *suite.T) {
		n.refused(t, n.spec(t, "ContainerUser", whoamiUser), "runAsUserName")
	})
	add("existing-user", "an existing local user, by S4U", n.existingUser)
	add("inherited", "annotation hostprocess-inherit-user: the shim's own token", func(t *suite.T) {
		spec := n.spec(t, "", whoamiUser)
		spec.Annotations[inheritUser] = "true"
		if _, out := n.run(t, spec); !*asProcess && !slices.Contains(text.SIDs(out), "S-1-5-18") {
			t.Errorf("whoami: %q, not LocalSystem", out)
		}
	})
	add("managed", "a group managed service account", func(t *suite.T) {
		if *managedAccount == "" {
			t.Skipf("no managed account is named (-managed): that takes a domain")
		}
		out := n.print(t, *managedAccount, whoamiUser)
		if _, bare, _ := strings.Cut(*managedAccount, `\`); !strings.EqualFold(text.Account(out), bare) {
			t.Errorf("whoami: %q", out)
		}
	})
	add("exec", "exec runs with its container's token", func(t *suite.T) {
		b := n.boot(t, n.spec(t, `NT AUTHORITY\LocalService`, `bin\tool.exe sleep 600`))
		if _, out, err := b.exec(whoamiUser, false); err != nil || !slices.Contains(text.SIDs(out), "S-1-5-19") {
			t.Errorf("whoami in an exec: %q, %v", out, err)
		}
	})
	return all
}

// host runs a command of the system on the host.
func host(t *suite.T, name string, args ...string) {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// group makes a local group for a case and gives its SID.
func group(t *suite.T, name string) string {
	host(t, "net.exe", "localgroup", name, "/add")
	t.Cleanup(func() { host(t, "net.exe", "localgroup", name, "/delete") })
	return sidOf(t, name)
}

func sidOf(t *suite.T, name string) string {
	sid, _, _, err := windows.LookupSID("", name)
	if err != nil {
		t.Fatalf("SID of %s: %v", name, err)
	}
	return sid.String()
}

func exists(account string) bool {
	_, _, _, err := windows.LookupSID("", account)
	return err == nil
}

// profileFolders are the folders of ephemeral users.
func profileFolders() []string {
	found, _ := filepath.Glob(filepath.Join(os.Getenv("SystemDrive")+`\`, "Users", "hpc-*"))
	return found
}

// forgotten waits until an ephemeral user and its profile are gone.
func forgotten(t *suite.T, user string) {
	t.Eventually("the user "+user+" is gone", func() bool { return !exists(user) })
	t.Eventually("no profile of "+user+" is left", func() bool {
		return !slices.ContainsFunc(profileFolders(), func(folder string) bool { return strings.Contains(strings.ToLower(folder), strings.ToLower(user)) })
	})
}

// member boots a container in a group and gives the ephemeral user's name.
func (n *node) member(t *suite.T, group string) (*box, string) {
	b := n.boot(t, n.spec(t, group, `bin\tool.exe sleep 600`))
	_, out, err := b.exec(whoamiUser, false)
	if err != nil {
		t.Fatalf("whoami: %v", err)
	}
	user := text.Account(out)
	if !strings.HasPrefix(user, "hpc-") || len(user) != 20 || !exists(user) {
		t.Fatalf("it runs as %q, which is no ephemeral user", user)
	}
	return b, user
}

func (n *node) localGroup(t *suite.T) {
	sid := group(t, "kit-group")
	b, user := n.member(t, "kit-group")
	if _, out, err := b.exec(whoamiGroups, false); err != nil || !slices.Contains(text.SIDs(out), sid) {
		t.Errorf("the group is not in its token: %q, %v", out, err)
	}
	if _, out, err := b.exec(`cmd.exe /d /c echo %USERPROFILE%`, false); err != nil || !strings.Contains(out, user) {
		t.Errorf("its profile is %q, %v", out, err)
	}
	b.remove()
	forgotten(t, user)
}

func (n *node) groupRights(t *suite.T) {
	sid := group(t, "kit-rights")
	dir, err := os.MkdirTemp(n.dir, "rights-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	host(t, "icacls.exe", dir, "/inheritance:r", "/grant", "*S-1-5-18:(OI)(CI)F", "*"+administers+":(OI)(CI)F", "*"+sid+":(OI)(CI)M")
	line := `cmd.exe /d /c echo written> "` + dir + `\file"`
	if code, out := n.run(t, n.spec(t, "kit-rights", line)); code != 0 {
		t.Errorf("a member cannot write: %d, %s", code, out)
	}
	if code, _ := n.run(t, n.spec(t, `NT AUTHORITY\LocalService`, line)); code == 0 {
		t.Errorf("who is no member can write")
	}
}

func (n *node) administrators(t *suite.T) {
	sid, err := windows.StringToSid(administers)
	if err != nil {
		t.Fatalf("%v", err)
	}
	name, _, _, err := sid.LookupAccount("")
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, user := range []string{name, `BUILTIN\Administrators`} {
		got := text.SIDs(n.print(t, user, whoamiGroups))
		if !slices.Contains(got, administers) || !slices.Contains(got, highLevel) {
			t.Errorf("%s: the token is not elevated: %q", user, got)
		}
	}
}

func (n *node) groupOfInitContainer(t *suite.T) {
	t.Cleanup(func() { _ = exec.Command("net.exe", "localgroup", "hpc-localgroup", "/delete").Run() })
	n.print(t, systemUser, `net.exe localgroup hpc-localgroup /add`)
	sid := sidOf(t, "hpc-localgroup")
	if got := text.SIDs(n.print(t, "hpc-localgroup", whoamiGroups)); !slices.Contains(got, sid) {
		t.Errorf("the group is not in its token: %q", got)
	}
}

func (n *node) existingUser(t *suite.T) {
	name := fmt.Sprintf("kit%d", os.Getpid())
	host(t, "net.exe", "user", name, "aA1!"+rand.Text()[:10], "/add") // 14 characters: over that net.exe asks
	t.Cleanup(func() { host(t, "net.exe", "user", name, "/delete") })
	if got := text.SIDs(n.print(t, name, whoamiUser)); !slices.Equal(got, []string{sidOf(t, name)}) {
		t.Errorf("whoami: %q", got)
	}
	if !exists(name) {
		t.Errorf("the user is gone with the container")
	}
}
