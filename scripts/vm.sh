#!/usr/bin/env bash
# The Linux host's unit tests on cgroup v2: Debian's cloud kernel is booted in
# qemu under software emulation, with an initramfs that holds the tests, the
# shim and their libraries. The case names are those that run here on v1.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need_build_packages
need_packages qemu-system-x86 cpio busybox-static
build_preset dev
work=$build/vm
rm -rf "$work/root"
mkdir -p "$work/root"/{bin,sbin,usr/bin,proc,sys,dev,tmp,etc,var/lib,run,tests,root}

kernel() {
	[ -s "$work/vmlinuz" ] && return 0
	local meta real
	meta=$(cd "$work" && apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
	real=${meta:-linux-image-cloud-amd64}
	say "fetching $real"
	[ -e "$build/.apt-updated" ] || { [ "$(id -u)" = 0 ] && apt-get -qq update; touch "$build/.apt-updated"; }
	(cd "$work" && apt-get -qq download "$real" && dpkg-deb -x "$real"_*.deb kernel && cp kernel/boot/vmlinuz-* vmlinuz && rm -rf kernel "$real"_*.deb)
	[ -s "$work/vmlinuz" ]
}

# add FILE puts an executable and the libraries it needs into the root.
add() {
	local file=$1 to=${2:-$1} library
	install -D "$file" "$work/root$to"
	while read -r library; do
		[ -e "$work/root$library" ] || install -D "$library" "$work/root$library"
	done < <(ldd "$file" 2>/dev/null | grep -o '/[^ ]*')
}

kernel
add /bin/busybox
for unit in "$build"/dev/tests/unit/unit_host_linux_* "$build"/dev/tests/unit/unit_stdio_*; do
	[ ! -x "$unit" ] || add "$unit" "/tests/$(basename "$unit")"
done
for program in "$build"/dev/tests/unit/*_program; do
	[ ! -x "$program" ] || add "$program" "$program"
done
add "$build/dev/containerd-shim-hostprocess-v1" /tests/containerd-shim-hostprocess-v1
for library in /lib/x86_64-linux-gnu/libnss_files.so.2; do
	[ ! -e "$library" ] || install -D "$library" "$work/root$library"
done
cp /etc/passwd /etc/group /etc/nsswitch.conf "$work/root/etc/"
cat >"$work/root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin:/usr/bin HOME=/root CK_VERBOSITY=normal CK_TIMEOUT_MULTIPLIER=10
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o ptmxmode=0666 devpts /dev/pts
mount -t tmpfs -o size=512m tmp /tmp
mount -t tmpfs run /run
mount -t tmpfs var /var/lib
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
echo "cgroup version: $(stat -f -c %T /sys/fs/cgroup), controllers: $(cat /sys/fs/cgroup/cgroup.controllers)"
failed=0
for unit in /tests/unit_*; do
	name=$(basename $unit)
	if timeout 600 $unit >/tmp/log 2>&1 </dev/null; then
		echo "vm $name: $(grep -E '^[0-9]+%' /tmp/log)"
	else
		failed=$((failed + 1))
		echo "vm FAIL $name"
		tail -n 30 /tmp/log
	fi
done
echo "vm finished: $failed failed"
poweroff -f
INIT
chmod +x "$work/root/init"
# A root that pivot_root and private mounts work on: the initramfs itself is
# rootfs, so the tests run in a tmpfs that it moves to.
(cd "$work/root" && find . | cpio --quiet -o -H newc | gzip -1 >"$work/initramfs.gz")
timeout "${VM_SECONDS:-1500}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -nographic -no-reboot -nodefaults \
	-serial stdio -kernel "$work/vmlinuz" -initrd "$work/initramfs.gz" \
	-append "console=ttyS0 quiet panic=-1 random.trust_cpu=on" </dev/null >"$work/serial.log" 2>&1 || true
tr -d '\r' <"$work/serial.log" | grep -aE '^(cgroup version|vm )|FAIL|:[EF]:' || true
if ! tr -d '\r' <"$work/serial.log" | grep -aq '^vm finished: 0 failed'; then
	tail -n 60 "$work/serial.log"
	die "the tests on cgroup v2 failed"
fi
