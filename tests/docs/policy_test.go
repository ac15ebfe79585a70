package docs

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// read gives a policy to the shim's own reader: "ok", or why not.
func read(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command(program(t, "DOCS_POLICY_READER"), path).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func readText(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(read(t, path), path, "FILE")
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	compiled, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "docs", "policy.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// valid is what a program that knows JSON schema says.
func valid(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(document)
}

func TestPolicyExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "docs", "examples", "policy", "*.json"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	page := text(t, "docs/policy.md")
	schema := schema(t)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := valid(t, schema, string(data)); err != nil {
				t.Errorf("the schema: %v", err)
			}
			if got := read(t, file); got != "ok" {
				t.Errorf("the reader: %s", got)
			}
			if !strings.Contains(page, "examples/policy/"+filepath.Base(file)) {
				t.Error("docs/policy.md does not name it")
			}
		})
	}
}

// Each key that one of schema, reader and page knows is known to the others.
func TestPolicyKeys(t *testing.T) {
	var root struct {
		Properties map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(text(t, "docs/policy.schema.json")), &root); err != nil {
		t.Fatal(err)
	}
	var paths []string
	check := func(section string, properties map[string]json.RawMessage, document string) {
		var keys []string
		for key := range properties {
			keys = append(keys, key)
		}
		message := readText(t, document)
		_, list, found := strings.Cut(message, "is not a known key: use ")
		known := strings.Split(list, ", ")
		slices.Sort(keys)
		slices.Sort(known)
		if !found || !slices.Equal(keys, known) {
			t.Errorf("section %q: the schema has %q, the reader says %q", section, keys, message)
		}
		for _, key := range keys {
			paths = append(paths, strings.TrimPrefix(section+"."+key, "."))
		}
	}
	check("", root.Properties, `{"no such key": 1}`)
	for _, section := range []string{"limits", "linux"} {
		var object struct {
			Type                 string
			AdditionalProperties *bool
			Properties           map[string]json.RawMessage
		}
		if err := json.Unmarshal(root.Properties[section], &object); err != nil {
			t.Fatal(err)
		}
		if object.Type != "object" || object.AdditionalProperties == nil || *object.AdditionalProperties {
			t.Errorf("%s is not strict", section)
		}
		check(section, object.Properties, `{"`+section+`": {"no such key": 1}}`)
	}
	rows := map[string]bool{}
	for _, match := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(text(t, "docs/policy.md"), -1) {
		rows[match[1]] = true
	}
	for _, path := range paths {
		if path != "limits" && path != "linux" && !rows[path] {
			t.Errorf("docs/policy.md has no row for %s", path)
		}
		delete(rows, path)
	}
	for path := range rows {
		t.Errorf("docs/policy.md has a row for %s, which is no key", path)
	}
}

// What one takes the other takes, what one refuses the other refuses.
func TestPolicySchemaAgreesWithTheReader(t *testing.T) {
	schema := schema(t)
	for _, text := range []string{
		`{}`,
		`{"$schema": "x", "hostProcess": "assume", "inheritUser": true, "mountBehavior": "bind"}`,
		`{"accounts": [], "rootfsLocations": []}`,
		`{"accounts": ["root", "NT AUTHORITY\\Local Service", ".\\hpc", "BUILTIN\\Administrators", "CORP\\gmsa$", "S-1-5-18", "1000", ":6", "Übung"]}`,
		`{"rootfsLocations": ["/hpc", "/hpc/a..b", "C:\\hpc", "d:/hpc dir"]}`,
		`{"limits": {"memory": 1, "cpu": 0.001, "storage": 9223372036854775807}}`,
		`{"limits": {"cpu": 1000000}, "linux": {}}`,
		`{"linux": {"localServiceId": 1, "networkServiceId": 4294967294, "ephemeralIds": [5, 5]}}`,
	} {
		if err := valid(t, schema, text); err != nil {
			t.Errorf("%s: the schema refuses: %v", text, err)
		}
		if got := readText(t, text); got != "ok" {
			t.Errorf("%s: the reader refuses: %s", text, got)
		}
	}
	for _, text := range []string{
		``, `{`, `[]`, `null`, `"open"`, `7`,
		`{"hostprocess": "assume"}`, `{"hostProcess": true}`, `{"hostProcess": "Assume"}`, `{"hostProcess": null}`,
		`{"inheritUser": "no"}`, `{"inheritUser": 0}`, `{"$schema": 7}`,
		`{"mountBehavior": "copy"}`, `{"mountBehavior": null}`,
		`{"accounts": null}`, `{"accounts": "root"}`, `{"accounts": [1000]}`, `{"accounts": [null]}`, `{"accounts": [""]}`,
		`{"accounts": ["a\\b\\c"]}`, `{"accounts": ["\\a"]}`, `{"accounts": ["a\\"]}`, `{"accounts": ["a|b"]}`, `{"accounts": ["a\nb"]}`,
		`{"accounts": ["..."]}`, `{"accounts": ["ContainerUser"]}`, `{"accounts": ["x\\containeradministrator"]}`, `{"accounts": [":x"]}`,
		`{"rootfsLocations": {}}`, `{"rootfsLocations": ["hpc"]}`, `{"rootfsLocations": ["/"]}`, `{"rootfsLocations": ["/a/../b"]}`,
		`{"rootfsLocations": ["C:\\"]}`, `{"rootfsLocations": ["C:\\a:b"]}`, `{"rootfsLocations": ["C:\\a\\.."]}`, `{"rootfsLocations": ["\\\\host\\share"]}`,
		`{"limits": []}`, `{"limits": null}`, `{"limits": {"pids": 5}}`, `{"limits": {"memory": 0}}`, `{"limits": {"memory": "1Gi"}}`,
		`{"limits": {"memory": 1.5}}`, `{"limits": {"cpu": 0}}`, `{"limits": {"cpu": "2"}}`, `{"limits": {"cpu": 1000001}}`, `{"limits": {"storage": -1}}`,
		`{"linux": []}`, `{"linux": {"uid": 1}}`, `{"linux": {"localServiceId": 0}}`, `{"linux": {"networkServiceId": 4294967295}}`,
		`{"linux": {"ephemeralIds": [5]}}`, `{"linux": {"ephemeralIds": [5, 6, 7]}}`, `{"linux": {"ephemeralIds": [0, 5]}}`, `{"linux": {"ephemeralIds": "5"}}`,
	} {
		if valid(t, schema, text) == nil {
			t.Errorf("%s: the schema takes it", text)
		}
		if got := readText(t, text); !strings.HasPrefix(got, "node policy FILE: ") {
			t.Errorf("%s: the reader says %s", text, got)
		}
	}
	// What a schema cannot say.
	for document, want := range map[string]string{
		`{"accounts": [], "accounts": ["a"]}`:     "duplicate object key",
		`{"linux": {"ephemeralIds": [9, 5]}}`:     "at most the last id of the range",
		`{"linux": {"ephemeralIds": [1, 65534]}}`: "choose a range without them",
	} {
		if got := readText(t, document); !strings.Contains(got, want) {
			t.Errorf("%s: %s", document, got)
		}
	}
}
