# shellcheck shell=bash
# Shared by the scripts: where things are, how packages and tools get here.
# Source it; it sets nothing that a caller's environment has set already.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${HOME:=/root}"
export HOME
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hostprocess-shim
build=$root/build
containerd_version=v2.4.2
go_version=1.26.8
actionlint_version=v1.7.12
hcsshim_version=v0.14.1

say() { printf '%s\n' "$*"; }
die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# need_packages PKG… installs what is missing of Debian's packages; without
# root it says what it would install.
need_packages() {
	local missing=() package
	for package in "$@"; do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] || die "these packages are missing; as root: apt-get install ${missing[*]}"
	say "installing ${missing[*]}"
	if [ ! -e "$build/.apt-updated" ]; then
		apt-get -qq update
		mkdir -p "$build" && touch "$build/.apt-updated"
	fi
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}" >"$build/apt.log" 2>&1 ||
		{ tail -n 20 "$build/apt.log"; die "apt-get install ${missing[*]} failed"; }
}

need_build_packages() {
	need_packages ca-certificates gcc libc6-dev cmake ninja-build pkg-config libuv1-dev libjansson-dev \
		libyaml-dev libprotobuf-c-dev protobuf-c-compiler protobuf-compiler check
}

# need_go puts a Go of at least go_version on PATH: the machine's own, or the
# toolchain module, fetched with whatever Go the system packages.
need_go() {
	local have home=$cache/go$go_version
	if have=$(go env GOVERSION 2>/dev/null) && [ "$(printf '%s\n' "go$go_version" "$have" | sort -V | head -n 1)" = "go$go_version" ]; then
		return 0
	fi
	if [ ! -x "$home/bin/go" ]; then
		need_packages golang-go git
		local module=golang.org/toolchain@v0.0.1-go$go_version.linux-amd64 from
		say "fetching the Go $go_version toolchain"
		from=$(cd / && GOFLAGS=-mod=mod GONOSUMDB='*' GONOSUMCHECK=1 GOTOOLCHAIN=local /usr/bin/go mod download -json "$module" |
			sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')
		[ -n "$from" ] || die "the Go toolchain module $module could not be fetched"
		mkdir -p "$cache"
		rm -rf "$home.new"
		cp -r "$from" "$home.new"
		chmod -R u+w "$home.new"
		find "$home.new/bin" "$home.new/pkg/tool" -type f -exec chmod +x {} +
		mv "$home.new" "$home"
	fi
	export PATH=$home/bin:$PATH GOROOT=$home GOTOOLCHAIN=local
}

# need_containerd builds containerd 2.4.2, ctr and the runc shim as Go modules
# and sets containerd_bin to their folder.
need_containerd() {
	containerd_bin=$cache/containerd-$containerd_version/bin
	local module=github.com/containerd/containerd/v2/cmd
	if [ ! -x "$containerd_bin/containerd" ] || [ ! -x "$containerd_bin/ctr" ] || [ ! -x "$containerd_bin/containerd-shim-runc-v2" ]; then
		need_go
		say "building containerd $containerd_version from its Go module"
		GOBIN=$containerd_bin GOFLAGS=-buildvcs=false go install \
			"$module/containerd@$containerd_version" "$module/ctr@$containerd_version" \
			"$module/containerd-shim-runc-v2@$containerd_version"
	fi
}

# install_windows FOLDER PROGRAM@VERSION… cross-compiles Go programs, unmodified,
# into FOLDER. Go refuses GOBIN for another system, so a GOPATH of its own takes
# the programs; the modules stay where they are.
install_windows() {
	local folder=$1 modules new=$1.new.$$
	shift
	need_go
	modules=$(go env GOMODCACHE)
	mkdir -p "$new"
	env -u GOBIN GOPATH="$new" GOMODCACHE="$modules" GOFLAGS=-buildvcs=false GOOS=windows GOARCH=amd64 CGO_ENABLED=0 \
		go install "$@" || { rm -rf "$new"; die "building $* failed"; }
	rm -rf "$folder"
	mv "$new/bin/windows_amd64" "$folder"
	rm -rf "$new"
}

# need_windows_containerd builds containerd.exe and ctr.exe from the same module
# and sets windows_containerd_bin to their folder.
need_windows_containerd() {
	windows_containerd_bin=$cache/containerd-$containerd_version-windows
	local module=github.com/containerd/containerd/v2/cmd
	[ ! -e "$windows_containerd_bin/containerd.exe" ] || [ ! -e "$windows_containerd_bin/ctr.exe" ] || return 0
	say "building containerd.exe and ctr.exe $containerd_version from their Go module (some minutes)"
	install_windows "$windows_containerd_bin" "$module/containerd@$containerd_version" "$module/ctr@$containerd_version"
}

# need_hcsshim builds the shim that containerd has for Windows and sets hcsshim to it.
need_hcsshim() {
	local folder=$cache/hcsshim-$hcsshim_version program=containerd-shim-runhcs-v1
	hcsshim=$folder/$program.exe
	[ ! -e "$hcsshim" ] || return 0
	say "building hcsshim's shim $hcsshim_version from its Go module"
	install_windows "$folder" "github.com/Microsoft/hcsshim/cmd/$program@$hcsshim_version"
}

# need_actionlint builds it as a Go module and sets actionlint to its path.
need_actionlint() {
	local folder=$cache/actionlint-$actionlint_version
	actionlint=$folder/actionlint
	[ ! -x "$actionlint" ] || return 0
	need_go
	say "building actionlint $actionlint_version from its Go module"
	GOBIN=$folder GOFLAGS=-buildvcs=false go install "github.com/rhysd/actionlint/cmd/actionlint@$actionlint_version"
}

# build_preset NAME [TARGET…] configures and builds a CMake preset.
build_preset() {
	local preset=$1
	shift
	(cd "$root" && cmake --preset "$preset" >"$build/cmake-$preset.log" 2>&1) ||
		{ tail -n 30 "$build/cmake-$preset.log"; die "cmake --preset $preset failed"; }
	cmake --build "$build/$preset" ${1:+--target "$@"} >"$build/ninja-$preset.log" 2>&1 ||
		{ tail -n 60 "$build/ninja-$preset.log"; die "building the preset $preset failed"; }
}

mkdir -p "$build"
