package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// pages are the Markdown files that a reader meets.
func pages(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(list) < 5 {
		t.Fatalf("%d pages: %v", len(list), err)
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"} {
		list = append(list, filepath.Join(root, name))
	}
	return list
}

// A block is fenced, and what is to be done with it stands behind its language:
// ```json policy=ok
type block struct {
	where      string
	info, text string
}

func blocks(t *testing.T, path string) (list []block) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var now *block
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case !strings.HasPrefix(line, "```"):
			if now != nil {
				now.text += line + "\n"
			}
		case now == nil:
			now = &block{where: filepath.Base(path) + ":" + itoa(i+1), info: strings.TrimPrefix(line, "```")}
		default:
			list = append(list, *now)
			now = nil
		}
	}
	if now != nil {
		t.Errorf("%s: the block does not end", now.where)
	}
	return list
}

// The policies in the pages are read by the shim and by the schema.
func TestPolicyBlocks(t *testing.T) {
	schema, count := schema(t), 0
	for _, page := range pages(t) {
		for _, block := range blocks(t, page) {
			if block.info != "json policy=ok" {
				continue
			}
			count++
			if got := readText(t, block.text); got != "ok" {
				t.Errorf("%s: %s", block.where, got)
			}
			if err := valid(t, schema, block.text); err != nil {
				t.Errorf("%s: %v", block.where, err)
			}
		}
	}
	if count == 0 {
		t.Error("no page has a policy")
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]*))?\)`)
	heading = regexp.MustCompile(`^#{1,6} +(.*?)(?: +#+)? *$`)
	marked  = regexp.MustCompile("\\[([^]]*)\\]\\([^)]*\\)|[`*]") // what is not shown of a heading
)

// prose is a page without its blocks, in which brackets are no links and # no heading.
func prose(t *testing.T, path string) (lines []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for _, line := range strings.Split(string(data), "\n") {
		if strings.HasPrefix(line, "```") {
			inside = !inside
		} else if !inside {
			lines = append(lines, line)
		}
	}
	return lines
}

// anchors are those that GitHub gives to a page's headings: in small letters, with
// hyphens for spaces and without punctuation; a second one alike gets -1, and so on.
func anchors(t *testing.T, path string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, line := range prose(t, path) {
		match := heading.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r):
				return r
			}
			return -1
		}, strings.ToLower(marked.ReplaceAllString(match[1], "$1")))
		anchor := name
		for i := 1; all[anchor]; i++ {
			anchor = name + "-" + itoa(i)
		}
		all[anchor] = true
	}
	return all
}

// Each link leads to a file that is there, and to a heading that is in it.
func TestLinks(t *testing.T) {
	headings := 0
	for _, page := range pages(t) {
		for _, match := range link.FindAllStringSubmatch(strings.Join(prose(t, page), "\n"), -1) {
			target := page
			if match[1] != "" {
				target = filepath.Join(filepath.Dir(page), match[1])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", filepath.Base(page), match[1])
				continue
			}
			if match[2] == "" || filepath.Ext(target) != ".md" {
				continue
			}
			headings++
			if !anchors(t, target)[match[2]] {
				t.Errorf("%s links to #%s of %s, which has no such heading", filepath.Base(page), match[2], filepath.Base(target))
			}
		}
	}
	if headings < 10 {
		t.Errorf("only %d links to headings were found", headings)
	}
}

// The README leads to each page.
func TestEachPageIsFound(t *testing.T) {
	readme := text(t, "README.md")
	list, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range list {
		if !strings.Contains(readme, "docs/"+filepath.Base(page)) {
			t.Errorf("README.md does not name docs/%s", filepath.Base(page))
		}
	}
}

// Each annotation that the shim reads is in the page.
func TestAnnotations(t *testing.T) {
	all, err := literals()
	if err != nil {
		t.Fatal(err)
	}
	page, count := text(t, "docs/fields.md"), 0
	annotation := regexp.MustCompile(`\b(?:microsoft\.com/hostprocess|io\.microsoft\.container|io\.kubernetes\.cri)[a-z.-]*[a-z]`)
	for _, text := range all {
		if !strings.HasPrefix(text.where, "src/spec/") {
			continue
		}
		for _, name := range annotation.FindAllString(text.text, -1) {
			count++
			if !strings.Contains(page, "`"+name+"`") {
				t.Errorf("docs/fields.md does not name %s (%s)", name, text.where)
			}
		}
	}
	if count < 10 {
		t.Errorf("only %d annotations were found in src/spec", count)
	}
}
