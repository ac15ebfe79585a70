//go:build windows

// Command kit shows, on a Windows machine and with a containerd that it starts
// itself, that the shim keeps the contract. run.ps1 runs it; -help tells how.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"time"

	logging "github.com/containerd/log"

	"hostprocess-shim/tests/windows/suite"
)

var (
	containerdFolder = flag.String("containerd", "", "the folder of containerd.exe")
	shimPath         = flag.String("shim", "", "containerd-shim-hostprocess-v1.exe")
	outFolder        = flag.String("out", "results", "where junit.xml, summary.md and containerd's logs go")
	onlyPattern      = flag.String("only", ".", "run the cases whose group/name it matches")
	list             = flag.Bool("list", false, "print the cases and end")
	execs            = flag.Int("execs", 10000, "how many execs the flatness is measured over")
	limit            = flag.Duration("limit", 20*time.Minute, "how long a case may take")
	pull             = flag.Bool("pull", false, "fetch the images that pods need; without it no pod has layers")
	baseImage        = flag.String("image", "mcr.microsoft.com/oss/kubernetes/windows-host-process-containers-base-image:v1.0.0", "the image of pods")
	pauseImage       = flag.String("pause", "mcr.microsoft.com/oss/kubernetes/pause:3.10", "the pause image of pods")
	managedAccount   = flag.String("managed", "", `DOMAIN\account$, a group managed service account of this node`)
	asProcess        = flag.Bool("process", false, "containerd as a child of the kit and as its user, not as a service as LocalSystem")
	leave            = flag.Bool("leave", false, "before a reboot: start containers, leave them, and end")
	after            = flag.Bool("after", false, "after a reboot: is what -leave left gone?")
)

func main() {
	runTool()                     // ends the process if this file has a tool's name
	_ = logging.SetLevel("fatal") // of the client library: a refused Create is no news
	log.SetFlags(0)
	log.SetPrefix("kit: ")
	flag.Parse()
	only, err := regexp.Compile(*onlyPattern)
	if err != nil {
		log.Fatal(err)
	}
	if *list {
		for _, profile := range profiles {
			for _, c := range profile.cases(&node{}) {
				fmt.Printf("%s/%s\t%s\n", profile.name, c.Name, c.Row)
			}
		}
		return
	}
	if err := os.MkdirAll(*outFolder, 0o755); err != nil {
		log.Fatal(err)
	}
	var results []suite.Result
	for _, profile := range profiles {
		results = append(results, profile.run(only)...)
	}
	if !report(results) {
		os.Exit(1)
	}
}

// profile is one way to run containerd, and the cases that are shown on it.
type profile struct {
	name  string
	cri   bool
	cases func(*node) []suite.Case
}

var profiles = []profile{
	{"containerd", false, directCases},
	{"cri", true, podCases},
}

func directCases(n *node) []suite.Case {
	if *leave || *after {
		return rebootCases(n)
	}
	var all []suite.Case
	for _, cases := range [][]suite.Case{accountCases(n), commandCases(n), volumeCases(n), limitCases(n), lifecycleCases(n)} {
		all = append(all, cases...)
	}
	return all
}

// run starts the profile's containerd, if any of its cases is wanted.
func (p profile) run(only *regexp.Regexp) []suite.Result {
	wanted := false
	for _, c := range p.cases(&node{}) {
		wanted = wanted || only.MatchString(p.name+"/"+c.Name)
	}
	if !wanted {
		return nil
	}
	n, err := newNode(p)
	if err == nil {
		err = n.start()
	}
	if err != nil {
		if n != nil {
			_ = n.end()
		}
		fmt.Println("FAIL", p.name, err)
		return []suite.Result{{Group: p.name, Name: "containerd starts", Row: "every row", Failures: []string{err.Error()}}}
	}
	results := suite.Run(p.name, p.cases(n), only, *limit, os.Stdout)
	if err := n.end(); err != nil {
		results = append(results, suite.Result{Group: p.name, Name: "containerd ends", Row: "every row", Failures: []string{err.Error()}})
	}
	return results
}

func report(results []suite.Result) bool {
	junit, err := os.Create(filepath.Join(*outFolder, "junit.xml"))
	if err != nil {
		log.Fatal(err)
	}
	defer junit.Close()
	if err := suite.JUnit(junit, results); err != nil {
		log.Fatal(err)
	}
	summary, err := os.Create(filepath.Join(*outFolder, "summary.md"))
	if err != nil {
		log.Fatal(err)
	}
	defer summary.Close()
	suite.Summary(os.Stdout, "hostprocess-shim on "+system(), results)
	return suite.Summary(summary, "hostprocess-shim on "+system(), results)
}
