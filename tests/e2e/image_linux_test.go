package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// archive builds an OCI image archive of one layer; files map paths to
// contents, a path that ends in "/" is a directory.
func archive(t testing.TB, name string, config v1.ImageConfig, files map[string]string) io.Reader {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	put := func(name string, data []byte, mode int64) {
		header := &tar.Header{Name: name, Mode: mode, Size: int64(len(data)), Typeflag: tar.TypeReg}
		if name[len(name)-1] == '/' {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	blob := func(mediaType string, data []byte) v1.Descriptor {
		d := v1.Descriptor{MediaType: mediaType, Size: int64(len(data))}
		sum := fmt.Sprintf("%x", sha256.Sum256(data))
		d.Digest = digest.NewDigestFromEncoded(digest.SHA256, sum)
		put("blobs/sha256/"+sum, data, 0o644)
		return d
	}
	marshal := func(value any) []byte {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	layer := layerOf(t, files)
	layerBlob := blob(v1.MediaTypeImageLayer, layer)
	image := v1.Image{Platform: v1.Platform{Architecture: "amd64", OS: "linux"}, Config: config,
		RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{layerBlob.Digest}}}
	configBlob := blob(v1.MediaTypeImageConfig, marshal(image))
	manifest := blob(v1.MediaTypeImageManifest, marshal(v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: v1.MediaTypeImageManifest, Config: configBlob, Layers: []v1.Descriptor{layerBlob}}))
	manifest.Annotations = map[string]string{"io.containerd.image.name": name, v1.AnnotationRefName: "1"}
	put("index.json", marshal(v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex,
		Manifests: []v1.Descriptor{manifest}}), 0o644)
	put("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &out
}

func layerOf(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, text := range files {
		header := &tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}
		if name[len(name)-1] == '/' {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
