package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A literal is a string of the C source as the compiler sees it: adjacent
// literals are joined, macros that are strings are put in.
type literal struct {
	where string // file:line
	text  string // escapes undone, directives as they stand
}

type token struct {
	kind byte // '"' a string, 'a' a word, '#' a line of the preprocessor, else itself
	text string
	line int
}

var escapes = map[byte]string{'n': "\n", 't': "\t", 'r': "\r", '0': "", '\\': `\`, '"': `"`, '\'': "'"}

// tokens reads C as far as strings, words and comments go.
func tokens(source string) (list []token) {
	line := 1
	quoted := func(i int) (string, int) {
		quote := source[i]
		var text strings.Builder
		for i++; source[i] != quote; i++ {
			if source[i] == '\\' {
				i++
				text.WriteString(escapes[source[i]])
			} else {
				text.WriteByte(source[i])
			}
		}
		return text.String(), i + 1
	}
	isWord := func(c byte) bool {
		return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	}
	for i := 0; i < len(source); {
		switch c := source[i]; {
		case c == '\n':
			line++
			i++
		case c == ' ' || c == '\t' || c == '\\':
			i++
		case strings.HasPrefix(source[i:], "//"):
			i += strings.IndexByte(source[i:], '\n')
		case strings.HasPrefix(source[i:], "/*"):
			end := i + strings.Index(source[i:], "*/") + 2
			line += strings.Count(source[i:end], "\n")
			i = end
		case c == '"':
			text, end := quoted(i)
			list = append(list, token{'"', text, line})
			i = end
		case c == '\'':
			_, i = quoted(i)
		case c == '#':
			end := i
			for source[end] != '\n' || source[end-1] == '\\' {
				end++
			}
			list = append(list, token{'#', source[i:end], line})
			line += strings.Count(source[i:end], "\n")
			i = end
		case isWord(c):
			end := i
			for end < len(source) && isWord(source[end]) {
				end++
			}
			list = append(list, token{'a', source[i:end], line})
			i = end
		default:
			list = append(list, token{c, string(c), line})
			i++
		}
	}
	return list
}

var defines = regexp.MustCompile(`(?s)^#\s*define\s+([A-Za-z_0-9]+)\s+(.*)$`)

// macros are those that are nothing but strings; one that several files define
// differently stands for any text.
func macros(files map[string]string) map[string]string {
	bodies, values := map[string]string{}, map[string]string{}
	for _, source := range files {
		for _, t := range tokens(source) {
			if match := defines.FindStringSubmatch(t.text); t.kind == '#' && match != nil {
				if old, twice := bodies[match[1]]; twice && old != match[2] {
					values[match[1]] = "%s"
				}
				bodies[match[1]] = match[2]
			}
		}
	}
	var value func(name string, depth int) (string, bool)
	value = func(name string, depth int) (string, bool) {
		if text, known := values[name]; known {
			return text, true
		}
		body, known := bodies[name]
		if !known || depth > 8 {
			return "", false
		}
		text := ""
		for _, t := range tokens(strings.ReplaceAll(body, "\\\n", " ") + "\n") {
			part, ok := t.text, t.kind == '"'
			if t.kind == 'a' {
				part, ok = value(t.text, depth+1)
			}
			if !ok {
				return "", false
			}
			text += part
		}
		return text, true
	}
	for name := range bodies {
		if text, ok := value(name, 0); ok {
			values[name] = text
		}
	}
	return values
}

// literals are the strings of every C file of src/.
func literals() (list []literal, err error) {
	files := map[string]string{}
	err = filepath.WalkDir(filepath.Join(root, "src"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".c") && !strings.HasSuffix(path, ".h") {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	})
	if err != nil {
		return nil, err
	}
	known := macros(files)
	for path, source := range files {
		text, line := "", 0
		flush := func() {
			if line != 0 && text != "" {
				where, _ := filepath.Rel(root, path)
				list = append(list, literal{where: where + ":" + itoa(line), text: text})
			}
			text, line = "", 0
		}
		all := tokens(source)
		for i, t := range all {
			part, is := t.text, t.kind == '"'
			if t.kind == 'a' {
				next := i+1 < len(all) && all[i+1].kind == '"'
				if strings.HasPrefix(t.text, "PRI") && line != 0 {
					part, is = "d", true
				} else if value, isMacro := known[t.text]; isMacro && (line != 0 || next) {
					part, is = value, true
				}
			}
			if !is {
				flush()
				continue
			}
			if line == 0 {
				line = t.line
			}
			text += part
		}
		flush()
	}
	return list, nil
}
