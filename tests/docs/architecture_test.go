package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The picture has the rooms that there are, and a room includes no header of one
// that it may not use: what the linker sees of calls, this sees of types.
func TestRooms(t *testing.T) {
	page := text(t, "docs/architecture.md")
	uses := map[string][]string{}
	for _, match := range regexp.MustCompile(`(?m)^hp_room\((\w+) [^)]*\)`).FindAllStringSubmatch(text(t, "src/CMakeLists.txt"), -1) {
		for _, library := range regexp.MustCompile(`hp_(\w+)`).FindAllStringSubmatch(strings.TrimPrefix(match[0], "hp_room("), -1) {
			uses[match[1]] = append(uses[match[1]], library[1])
		}
	}
	folders, err := os.ReadDir(filepath.Join(root, "src"))
	if err != nil {
		t.Fatal(err)
	}
	include := regexp.MustCompile(`(?m)^#include "(\w+)/[\w/]*\.h"`)
	for _, folder := range folders {
		room := folder.Name()
		if _, is := uses[room]; !is && room != "base" {
			continue
		}
		if !strings.Contains(page, " "+room+"/") {
			t.Errorf("docs/architecture.md has no room %s/", room)
		}
		allowed := map[string]bool{}
		var allow func(room string)
		allow = func(room string) {
			allowed[room] = true
			for _, other := range uses[room] {
				allow(other)
			}
		}
		allow(room)
		err := filepath.WalkDir(filepath.Join(root, "src", room), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			for _, match := range include.FindAllStringSubmatch(string(data), -1) {
				if _, isRoom := uses[match[1]]; isRoom && !allowed[match[1]] {
					t.Errorf("%s uses the room %s, which %s may not", path, match[1], room)
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if len(uses) < 7 {
		t.Errorf("only %d rooms were found", len(uses))
	}
}
