package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// What validate -o json prints is what its schema says: of every manifest of the
// examples, and of files of the other forms.
func TestValidateSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "docs", "validate.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	others := map[string]string{
		"oci.json": `{"annotations":{"microsoft.com/hostprocess-container":"true"},"process":{"args":["a"],"env":["A=$CONTAINER_SANDBOX_MOUNT_POINT"],
			"user":{"username":"g"}},"mounts":[{"source":"C:\\a","destination":"C:\\b"}],"windows":{"resources":{"cpu":{"count":1},"memory":{"limit":5}}}}`,
		"linux.json": `{"annotations":{"microsoft.com/hostprocess-container":"true"},"process":{"args":["a"]},
			"linux":{"resources":{"memory":{"limit":5},"pids":{"limit":5}},"namespaces":[{"type":"network","path":"/proc/1/ns/net"}]}}`,
		"pause.json":     `{"annotations":{"microsoft.com/hostprocess-container":"true","io.kubernetes.cri.container-type":"sandbox"},"process":{}}`,
		"pod.json":       `{"metadata":{"name":"p"},"windows":{"security_context":{"host_process":true}}}`,
		"container.json": `{"metadata":{"name":"c"},"command":["a"],"windows":{"security_context":{"host_process":true,"run_as_username":"SYSTEM"}}}`,
		"broken.json":    `{`,
		"empty.yaml":     ``,
		"service.yaml":   "apiVersion: v1\nkind: Service\n",
		"symlink.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: p, annotations: {microsoft.com/hostprocess-mount-behavior: symlink}}\n" +
			"spec: {hostNetwork: true, containers: [{name: c, securityContext: {windowsOptions: {hostProcess: true, runAsUserName: SYSTEM}}}]}\n---\nkind: Service\n",
	}
	var files []string
	for name, data := range others {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	files = append(append(files, manifests(t, "pods")...), manifests(t, "pods/refused")...)
	for _, arguments := range append([][]string{files}, split(files)...) {
		status, said := validate(t, append([]string{"-o", "json"}, arguments...)...)
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(said))
		if err == nil {
			err = schema.Validate(document)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", arguments, err, said)
			continue
		}
		verdict := document.(map[string]any)["verdict"].(string)
		if want := map[string]int{"accepted": 0, "refused": 1, "unreadable": 2}[verdict]; status != want {
			t.Errorf("%s: status %d, verdict %s", arguments, status, verdict)
		}
	}
}

func split(files []string) (each [][]string) {
	for _, file := range files {
		each = append(each, []string{file})
	}
	return each
}
