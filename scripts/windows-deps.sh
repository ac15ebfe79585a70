#!/bin/sh
# Builds libuv, jansson, protobuf-c, libyaml and check for Windows from Debian's source
# packages, as static libraries, with mingw-w64.
#
#   scripts/windows-deps.sh [PREFIX]        default: build/windows-deps
#
# Sources come from where this machine's own apt gets its packages, verified by
# apt. A finished prefix is also kept below ~/.cache/hostprocess-shim and used
# again if it is there; nothing depends on it.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
prefix=${1:-$root/build/windows-deps}
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
toolchain=$root/cmake/mingw-w64.cmake

say() { printf 'windows-deps: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

need() { # need PROGRAM PACKAGE
  command -v "$1" >/dev/null 2>&1 && return
  [ "$(id -u)" = 0 ] || die "$1 is missing: install $2"
  say "installing $2"
  apt-get update -qq && apt-get install -qq -y --no-install-recommends "$2" >&2
}
need x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64
need dpkg-source dpkg-dev
need cmake cmake
need ninja ninja-build

key=$({ cat "$0" "$toolchain" /etc/os-release; x86_64-w64-mingw32-gcc --version; } | sha256sum | cut -c1-16)
stamp=$prefix/.windows-deps
if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ]; then
  say "$prefix is up to date"
  exit 0
fi
cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/hostprocess-shim/windows-deps-$key
if [ "$(cat "$cache/.windows-deps" 2>/dev/null)" = "$key" ] && cp -R "$cache/." "$prefix/"; then
  say "taken from $cache"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# This machine's own package sources, with deb-src in the place of deb.
mkdir -p "$work/parts" "$work/lists/partial" "$work/cache/archives/partial" "$work/src"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ -s "$file" ] || continue
  sed -n 's/^deb\([[:space:]]\)/deb-src\1/p' "$file" >"$work/parts/own-$(basename "$file" .list).list"
done
for file in /etc/apt/sources.list.d/*.sources; do
  [ -s "$file" ] || continue
  sed 's/^Types:.*/Types: deb-src/' "$file" >"$work/parts/own-$(basename "$file")"
done
apt() {
  apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/parts" \
    -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root "$@"
}
say "fetching sources"
apt update >&2
(cd "$work/src" && apt source libuv1 jansson protobuf-c libyaml check >&2)

unpacked() { # unpacked NAME: the one folder of that source
  set -- "$work/src/$1"-*/
  [ -d "$1" ] || die "$1 was not unpacked"
  printf '%s\n' "${1%/}"
}
build() { # build SOURCE TARGET OPTION...
  source=$1 target=$2
  shift 2
  cmake -S "$source" -B "$source/windows" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$toolchain" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib "$@" >&2
  cmake --build "$source/windows" --target "$target" >&2
}
mkdir -p "$prefix/lib" "$prefix/include/protobuf-c"

say "libuv"
source=$(unpacked libuv1)
build "$source" uv_a -DLIBUV_BUILD_TESTS=OFF -DLIBUV_BUILD_BENCH=OFF
cp "$source/windows/libuv_a.a" "$prefix/lib/libuv.a"
cp -R "$source/include/." "$prefix/include/"

say "jansson"
build "$(unpacked jansson)" install -DJANSSON_BUILD_SHARED_LIBS=OFF -DJANSSON_BUILD_DOCS=OFF \
  -DJANSSON_EXAMPLES=OFF -DJANSSON_WITHOUT_TESTS=ON

say "protobuf-c" # its CMake files also want to link a C++ program; the library is one file
source=$(unpacked protobuf-c)
x86_64-w64-mingw32-gcc -O2 -I"$source" -c "$source/protobuf-c/protobuf-c.c" -o "$work/protobuf-c.o"
rm -f "$prefix/lib/libprotobuf-c.a"
x86_64-w64-mingw32-ar rcs "$prefix/lib/libprotobuf-c.a" "$work/protobuf-c.o"
cp "$source/protobuf-c/protobuf-c.h" "$prefix/include/protobuf-c/"

say "libyaml"
build "$(unpacked libyaml)" install -DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF

say "check"
build "$(unpacked check)" install -DBUILD_TESTING=OFF -DCHECK_ENABLE_TESTS=OFF -DCHECK_ENABLE_SUBUNIT=OFF \
  -DINSTALL_CHECKMK=OFF

echo "$key" >"$stamp"
if mkdir -p "$cache" 2>/dev/null; then
  cp -R "$prefix/." "$cache/" || rm -rf "$cache"
fi
say "built into $prefix"
