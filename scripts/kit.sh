#!/usr/bin/env bash
# Puts into build/kit what a Windows machine needs to run the conformance kit:
# the exe, kit.exe and run.ps1. scripts/kit.sh [test] runs the kit's own tests first.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need_packages ca-certificates cmake ninja-build protobuf-c-compiler protobuf-compiler \
	gcc-mingw-w64-x86-64 dpkg-dev
need_go
cd "$root/tests/windows"
if [ "${1:-}" = test ]; then
	[ -z "$(gofmt -l .)" ] || die "not formatted: $(gofmt -l .)"
	go vet ./...
	GOOS=windows GOARCH=amd64 go vet ./...
	go test ./suite ./commands ./text
fi
"$root/scripts/windows-deps.sh" 2>>"$build/windows-deps.log"
build_preset windows-release
mkdir -p "$build/kit"
GOOS=windows GOARCH=amd64 CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$build/kit/kit.exe" .
cp "$build/windows-release/containerd-shim-hostprocess-v1.exe" run.ps1 "$build/kit/"
say "$build/kit: $(cd "$build/kit" && du -h -- * | awk '{printf "%s%s %s", s, $2, $1; s = ", "}')"
