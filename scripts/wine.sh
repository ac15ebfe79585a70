#!/usr/bin/env bash
# Runs a Windows program under Wine 10 (Debian 13's):
#   scripts/wine.sh setup                  makes Wine ready, prints its version
#   scripts/wine.sh run PROGRAM.exe ARG…   runs one, with this machine's files at Z:\
#   scripts/wine.sh enter COMMAND ARG…     runs a command that starts several itself
#   scripts/wine.sh ps                     prints what runs in the prefix: pid and command line
#   scripts/wine.sh stop                   ends whatever still runs in the prefix
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

# inside COMMAND… becomes a command in the Wine root, with this machine's other
# folders in it: whoever ends our process ends the command.
inside() {
	! direct || exec "$@"
	exec unshare --mount --propagation private sh -c '
		root=$1; shift
		for folder in proc sys dev tmp; do mount --rbind /$folder "$root/$folder"; done
		for folder in "$1" "$2"; do mkdir -p "$root$folder"; mount --rbind "$folder" "$root$folder"; done
		shift 2
		where=$1; shift
		exec chroot "$root" sh -c "cd \"\$0\" && exec \"\$@\"" "$where" "$@"' \
		sh "$wine_root" "$root" "$cache" "$PWD" "$@"
}

# prefix_processes prints the pids of Wine's processes in our prefix and no other.
prefix_processes() {
	local folder
	for folder in /proc/[0-9]*; do
		case $(readlink "$folder/exe" 2>/dev/null) in
		*/wine64 | */wine64-preloader | */wineserver*)
			! grep -qzxF "WINEPREFIX=$WINEPREFIX" "$folder/environ" 2>/dev/null || echo "${folder#/proc/}"
			;;
		esac
	done
}

# stop asks Wine's server to end everything, and ends by pid what has lost its server.
stop() {
	local i pids
	[ -e "$WINEPREFIX/.ready" ] || return 0
	[ -z "$(prefix_processes)" ] || (inside timeout -k 5 30 wineserver -k) >/dev/null 2>&1 || true
	for ((i = 0; i < 150; i++)); do
		pids=$(prefix_processes)
		[ -n "$pids" ] || return 0
		# shellcheck disable=SC2086 # a list of pids
		[ $i -lt 50 ] || kill -KILL $pids 2>/dev/null || true
		sleep 0.2
	done
	die "these processes of $WINEPREFIX do not end: $pids"
}

case ${1:-} in
setup)
	if direct; then need_packages wine64 wine; else make_root; fi
	if [ ! -e "$WINEPREFIX/.ready" ]; then
		mkdir -p "$WINEPREFIX"
		(inside wine wineboot --init) >"$build/wineboot.log" 2>&1 </dev/null || { tail "$build/wineboot.log"; die "wineboot failed"; }
		touch "$WINEPREFIX/.ready"
	fi
	inside wine --version
	;;
run)
	shift
	inside wine "$@"
	;;
enter)
	shift
	inside "$@"
	;;
ps)
	for pid in $(prefix_processes); do
		printf '%s %s\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
	done
	;;
stop) stop ;;
*) die "usage: wine.sh setup | run PROGRAM.exe ARG… | enter COMMAND ARG… | ps | stop" ;;
esac
