#!/usr/bin/env bash
# Runs a Windows program under Wine 10 (Debian 13's):
#   scripts/wine.sh setup                  makes Wine ready, prints its version
#   scripts/wine.sh run PROGRAM.exe ARG…   runs one, with this machine's files at Z:\
# On Debian 13 Wine is installed directly; elsewhere it lives in a debootstrap'd
# Debian 13 root below ~/.cache, entered in a private mount namespace. Needs root.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

export WINEDEBUG=${WINEDEBUG:--all} WINEPREFIX=${WINEPREFIX:-$build/wine-prefix}
unset DISPLAY
wine_root=$cache/wine-trixie

direct() { [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = trixie ]; }

# mirror prints where this machine gets Debian from.
mirror() {
	local found
	found=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
	[ -n "$found" ] || found=$(sed -n 's/^deb  *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\) .*/\2/p' /etc/apt/sources.list 2>/dev/null | head -n 1)
	[ -n "$found" ] || die "no Debian mirror in this machine's apt configuration"
	echo "$found"
}

make_root() {
	[ ! -e "$wine_root/.ready" ] || return 0
	[ "$(id -u)" = 0 ] || die "Wine is set up in a Debian 13 root: run this as root"
	need_packages debootstrap
	say "making a Debian 13 root with Wine (about two minutes)"
	rm -rf "$wine_root"
	mkdir -p "$wine_root"
	debootstrap --variant=minbase --include=wine64,wine trixie "$wine_root" "$(mirror)" >"$build/wine-root.log" 2>&1 ||
		{ tail -n 20 "$build/wine-root.log"; die "debootstrap of the Wine root failed"; }
	touch "$wine_root/.ready"
}

# inside COMMAND… runs in the Wine root, with this machine's other folders in it.
inside() {
	if direct; then
		"$@"
		return
	fi
	unshare --mount --propagation private sh -c '
		root=$1; shift
		for folder in proc sys dev tmp; do mount --rbind /$folder "$root/$folder"; done
		for folder in "$1" "$2"; do mkdir -p "$root$folder"; mount --rbind "$folder" "$root$folder"; done
		shift 2
		where=$1; shift
		exec chroot "$root" sh -c "cd \"\$0\" && exec \"\$@\"" "$where" "$@"' \
		sh "$wine_root" "$root" "$cache" "$PWD" "$@"
}

case ${1:-} in
setup)
	if direct; then need_packages wine64 wine; else make_root; fi
	if [ ! -e "$WINEPREFIX/.ready" ]; then
		mkdir -p "$WINEPREFIX"
		inside wine wineboot --init >"$build/wineboot.log" 2>&1 || { tail "$build/wineboot.log"; die "wineboot failed"; }
		touch "$WINEPREFIX/.ready"
	fi
	inside wine --version
	;;
run)
	shift
	inside wine "$@"
	;;
*) die "usage: wine.sh setup | run PROGRAM.exe ARG…" ;;
esac
