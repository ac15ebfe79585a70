package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// archive builds an OCI image archive of one layer; files map paths to
// contents, a path that ends in "/" is a directory.
func archive(name string, config v1.ImageConfig, files map[string]string) (io.Reader, error) {
	blobs := map[string]string{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`}
	blob := func(mediaType string, data []byte) v1.Descriptor {
		d := v1.Descriptor{MediaType: mediaType, Size: int64(len(data))}
		sum := fmt.Sprintf("%x", sha256.Sum256(data))
		d.Digest = digest.NewDigestFromEncoded(digest.SHA256, sum)
		blobs["blobs/sha256/"+sum] = string(data)
		return d
	}
	var failure error
	marshal := func(value any) []byte {
		data, err := json.Marshal(value)
		failure = errors.Join(failure, err)
		return data
	}
	layer, err := tarOf(files)
	if err != nil {
		return nil, err
	}
	layerBlob := blob(v1.MediaTypeImageLayer, layer)
	image := v1.Image{Platform: v1.Platform{Architecture: "amd64", OS: runtime.GOOS}, Config: config,
		RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{layerBlob.Digest}}}
	configBlob := blob(v1.MediaTypeImageConfig, marshal(image))
	manifest := blob(v1.MediaTypeImageManifest, marshal(v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: v1.MediaTypeImageManifest, Config: configBlob, Layers: []v1.Descriptor{layerBlob}}))
	manifest.Annotations = map[string]string{"io.containerd.image.name": name, v1.AnnotationRefName: "1"}
	blobs["index.json"] = string(marshal(v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex,
		Manifests: []v1.Descriptor{manifest}}))
	whole, err := tarOf(blobs)
	return bytes.NewReader(whole), errors.Join(failure, err)
}

// tarOf makes a tar archive of files and folders.
func tarOf(files map[string]string) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) { // a folder comes before what is in it
		text := files[name]
		header := &tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}
		if name[len(name)-1] == '/' {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, text); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}
