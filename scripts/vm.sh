#!/usr/bin/env bash
# The Linux host's unit tests on cgroup v2: Debian's cloud kernel is booted in
# qemu under software emulation, with an initramfs that holds the tests, their
# libraries and this machine's own tools. The case names are those that run
# here on v1, and no case may skip itself. VM_UNITS is a pattern that names some.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need_build_packages
need_packages qemu-system-x86 cpio busybox-static binutils kmod
build_preset dev
work=$build/vm
mkdir -p "$work"
rm -rf "$work/root"
mkdir -p "$work/root"/{bin,sbin,usr/bin,proc,sys,dev,tmp,etc,var/lib,run,root,modules,new}

# The kernel package's vmlinuz, and the modules that the tests need beyond it.
kernel() {
	[ ! -s "$work/vmlinuz" ] || [ ! -s "$work/overlay.ko" ] || return 0
	local package
	if [ ! -e "$build/.apt-updated" ] && [ "$(id -u)" = 0 ]; then
		apt-get -qq update
		touch "$build/.apt-updated"
	fi
	package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | sed -n 1p)
	[ -n "$package" ] || die "apt knows no cloud kernel"
	say "fetching $package"
	(
		cd "$work"
		rm -rf kernel ./*.deb
		apt-get -qq download "$package" >apt.log 2>&1 || { cat apt.log; exit 1; }
		dpkg-deb -x "$package"_*.deb kernel
		cp kernel/lib/modules/*/kernel/fs/overlayfs/overlay.ko .
		cp kernel/boot/vmlinuz-* vmlinuz
		rm -rf kernel ./*.deb
	) || die "the kernel package $package could not be fetched"
}

# add FILE… puts executables and the libraries they need into the root.
add() {
	local file library
	for file in "$@"; do
		[ ! -e "$work/root$file" ] || continue
		install -D "$file" "$work/root$file"
		strip --strip-debug "$work/root$file"
		while read -r library; do
			[ -e "$work/root$library" ] || install -D "$library" "$work/root$library"
		done < <(ldd "$file" 2>/dev/null | grep -o '/[^ ]*')
	done
}

kernel
cp "$work/overlay.ko" "$work/root/modules/"
install /bin/busybox "$work/root/bin/busybox"
# Debian's own tools where a test runs one: busybox's differ in what they print.
for tool in sh dash cat echo env false grep head id ls mkdir pwd rm sed seq sleep stat stty tail tee touch tr true wc; do
	for file in /bin/$tool /usr/bin/$tool; do
		if [ -x "$file" ]; then
			add "$file"
			break
		fi
	done
done
tests=$build/dev/tests/unit
# At their own paths: some of them start programs that they know by path.
for source in "$root"/tests/unit/{host_linux_*,stdio_*,runtime_create}.c; do
	unit=unit_$(basename "$source" .c)
	# shellcheck disable=SC2254
	case $unit in ${VM_UNITS:-*}) [ ! -x "$tests/$unit" ] || add "$tests/$unit" ;; esac
done
add "$tests"/*_program
cp -L /etc/passwd /etc/group /etc/nsswitch.conf /etc/hostname "$work/root/etc/"
echo "$tests" >"$work/root/etc/tests"

# The initramfs is rootfs, which nothing can be moved away from: the tests run
# in a tmpfs, which overlays and private mounts work on.
cat >"$work/root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t tmpfs -o size=2g,mode=755 root /new
for entry in bin sbin usr lib lib64 etc var root modules run tmp proc sys dev $(/bin/busybox sed 's,^/\([^/]*\)/.*,\1,' /etc/tests); do
	[ ! -e /$entry ] || [ -e /new/$entry ] || /bin/busybox cp -a /$entry /new/
done
/bin/busybox cp /run-tests /new/
exec /bin/busybox switch_root /new /run-tests
INIT
cat >"$work/root/run-tests" <<'TESTS'
#!/bin/busybox sh
/bin/busybox --install -s /sbin
export PATH=/bin:/usr/bin:/sbin HOME=/root CK_VERBOSITY=normal CK_TIMEOUT_MULTIPLIER=10
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o ptmxmode=0666 devpts /dev/pts
chmod 1777 /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
insmod /modules/overlay.ko
ip link set lo up
read -r tests </etc/tests
echo
echo "vm cgroup v2, controllers: $(cat /sys/fs/cgroup/cgroup.controllers)"
run() {
	unit=$1
	name=$(basename "$unit")
	begin=$(cut -d . -f 1 /proc/uptime)
	if timeout 900 "$unit" >"/tmp/$name.log" 2>&1 </dev/null; then
		result=ok
	else
		result=FAIL
		touch "/tmp/$name.failed"
	fi
	{
		echo "vm $result $name: $(grep -E '^[0-9]+%' "/tmp/$name.log"), $(($(cut -d . -f 1 /proc/uptime) - begin)) s"
		grep '^skipped' "/tmp/$name.log" | sed "s/^/vm SKIP $name: /"
		[ $result = ok ] || tail -n 40 "/tmp/$name.log" | sed 's/^/vm | /'
	} >"/tmp/$name.said"
	cat "/tmp/$name.said"
}
# Two at a time, one a processor.
half() {
	for unit in "$tests"/unit_*; do
		number=$((number + 1))
		[ $((number % 2)) -ne "$1" ] || run "$unit"
	done
}
number=0
half 0 &
half 1
wait
failed=0
for file in /tmp/*.failed; do
	[ ! -e "$file" ] || failed=$((failed + 1))
done
echo "vm finished: $failed failed, $(ls "$tests" | grep -c '^unit_') programs"
poweroff -f
TESTS
chmod +x "$work/root/init" "$work/root/run-tests"
(cd "$work/root" && find . | cpio --quiet -o -H newc | gzip -1 >"$work/initramfs.gz")
say "booting with $(stat -c %s "$work/initramfs.gz") bytes of initramfs"
boot() {
	timeout "${VM_SECONDS:-500}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 3072 -nographic -no-reboot \
		-nodefaults -serial stdio -kernel "$work/vmlinuz" -initrd "$work/initramfs.gz" \
		-append "console=ttyS0 quiet panic=-1 random.trust_cpu=on no_timer_check" </dev/null >"$work/serial.log" 2>&1 || true
	tr -d '\r' <"$work/serial.log" >"$work/said.log"
}
boot
# Under emulation the whole guest has been seen to stand still, once.
if ! grep -aq '^vm finished: ' "$work/said.log"; then
	tail -n 20 "$work/said.log"
	say "the guest did not come to its end and is booted once more"
	boot
fi
grep -a '^vm ' "$work/said.log" || true
grep -aq '^vm cgroup v2, controllers: .*cpu .*memory .*pids' "$work/said.log" || {
	tail -n 60 "$work/said.log"
	die "the guest has no cgroup v2 with its controllers"
}
! grep -aq '^vm SKIP' "$work/said.log" || die "a case skipped itself in the guest"
grep -aq '^vm finished: 0 failed' "$work/said.log" || {
	tail -n 60 "$work/said.log"
	die "the tests on cgroup v2 failed"
}
