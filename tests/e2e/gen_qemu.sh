#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# gen_qemu - gen_loader_cases.sh on Debian's 6.1 kernel in QEMU (software emulation): every loader file does there what libbpf does, and so does
# every light skeleton of ours, with the attachments that the service does not have.
. "$SRC/tests/e2e/lib.sh"
command -v qemu-system-x86_64 >/dev/null || skip "qemu-system-x86 is missing"
command -v busybox >/dev/null && command -v cpio >/dev/null || skip "busybox-static or cpio is missing"
kernel=$(ls /boot/vmlinuz-6.1.*-cloud-amd64 2>/dev/null | tail -1)
[ -r "$kernel" ] || skip "there is no Debian 6.1 cloud kernel in /boot"
mkdir "$T/loaders"
. "$SRC/tests/e2e/gen_loaders.sh"
. "$SRC/tests/e2e/lskel_lib.sh"
lskel_build userbpf
for name in sample view control; do
	"$USERBPF" gen skeleton -L "$OBJ/$name.bpf.o" >"$name.lskel.h" || fail "gen skeleton $name"
done
check "compile lskel_c.c" $cc -std=gnu99 -Wall -Wextra -Werror -I. -o lskel_c "$SRC/tests/e2e/lskel_c.c"
cd /

# What is in modules, too.
modules=
dir=/lib/modules/${kernel#*vmlinuz-}/kernel
for module in lib/libcrc32c net/ipv6/netfilter/nf_defrag_ipv6 net/ipv4/netfilter/nf_defrag_ipv4 net/netfilter/nf_conntrack; do
	[ ! -r "$dir/$module.ko" ] || modules="$modules $dir/$module.ko"
done
[ -z "$modules" ] || "$USERBPF" gen loader "$OBJ/gen/module.bpf.o" -o "$T/loaders/module.loader" && objects="$objects $OBJ/gen/module.bpf.o"

"$USERBPF" gen loader "$OBJ/gen/kconfig.bpf.o" -o "$T/loaders/kconfig.loader" || fail "kconfig: no loader"
# GEN_SET='NAME ...': only these
if [ -n "${GEN_SET:-}" ]; then
	objects=$(for object in $objects; do case " $GEN_SET " in *" $(basename "$object" .bpf.o) "*) echo "$object" ;; esac; done)
fi

# put FILE: with the libraries it needs
root=$T/root
put() {
	install -D "$1" "$root/bin/${1##*/}"
	ldd "$1" 2>/dev/null | grep -o '/[^ )]*' | while read -r lib; do
		install -D "$lib" "$root$lib"
	done
}
mkdir -p "$root"/{bin,proc,sys,dev,tmp,obj}
install -D "$(command -v busybox)" "$root/bin/busybox"
for tool in libload runloader objdump coreport; do put "$BUILD/tests/e2e/$tool"; done
put "$T/lskel"
put "$T/lskel_c"
cp $objects "$root/obj/"
cp -r "$L" "$root/lskel" # some have names of other objects
for module in $modules; do install -D "$module" "$root/modules/${module##*/}"; done
cp -r "$T/loaders" "$root/loaders"
cp "$SRC/tests/e2e/gen_loader_cases.sh" "$root/"
cat >"$root/init" <<'X'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin LC_ALL=C
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for module in libcrc32c nf_defrag_ipv6 nf_defrag_ipv4 nf_conntrack; do
	[ ! -e /modules/$module.ko ] || insmod /modules/$module.ko
done
sh /gen_loader_cases.sh /bin /loaders /obj/*.bpf.o > /dev/ttyS1 2>&1
coreport /loaders/core_field.loader > /dev/ttyS1 2>&1
mount -t tracefs tracefs /sys/kernel/tracing
for name in NAMES; do
	lskel same $name /lskel/$name.bpf.o >/tmp/out 2>&1
	echo "skel $name $? $(tail -1 /tmp/out)" > /dev/ttyS1
done
lskel_c kernel >/tmp/out 2>&1
echo "skel attach $? $(head -1 /tmp/out)" > /dev/ttyS1
runloader /loaders/kconfig.loader objdump | grep -A1 '^map kconfig.kconfig' | sed -n 's/.*key 00000000 value/version/p' > /dev/ttyS1 2>&1
echo "end" > /dev/ttyS1; sleep 1
poweroff -f
X
sed -i "s,^#!.*,#!/bin/busybox sh,; s,NAMES,$(echo $names)," "$root/init"
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$T/initrd.gz"
timeout 840 qemu-system-x86_64 -accel tcg -m 1G -smp 2 -display none -no-reboot -net none -kernel "$kernel" -initrd "$T/initrd.gz" \
	-append 'console=ttyS0 panic=-1 quiet no_timer_check' -serial "file:$T/console" -serial "file:$T/answers" -monitor none </dev/null >"$T/qemu.out" 2>&1
tr -d '\r' <"$T/answers" >"$T/lines"
grep -q '^end' "$T/lines" || { fail "the kernel did not come to an end"; tail -5 "$T/console" "$T/lines"; exit 1; }

compared=0 ported= version= skeletons=0 attached=
while read -r name verdict rest; do
	case $name:$verdict:$rest in
	skel:attach:0*) attached=yes ;;
	skel:*:0\ * | skel:*:0) skeletons=$((skeletons + 1)) ;;
	skel:*:4\ *) echo "$verdict: libbpf and the skeleton are refused" ;;
	skel:*) fail "skeleton $verdict: $rest" ;;
	\#*) echo "	$verdict $rest" ;;
	end:*) ;;
	version:*) version=$verdict ;;
	port:*) ported="$name $verdict $rest" ;;
	left:*) same "objects left" "" "$verdict$rest" ;;
	*:same:) compared=$((compared + 1)) ;;
	module:errno:*) fail "functions of modules: libbpf and the loader answer $rest" ;;
	*:errno:0\ * | *:errno:*\ 0) fail "$name: one way fails: $rest" ;;
	*:errno:*) echo "$name: libbpf and the loader answer $rest" ;;
	*) fail "$name $verdict $rest" ;;
	esac
done <"$T/lines"
# LINUX_KERNEL_VERSION is that of the kernel that loads: .. 01 06 00, and no option of the configuration.
case $version in
??01060000) ;;
*) fail "the version of the kernel is $version" ;;
esac
# The program was compiled with max_entries at 32; struct bpf_map of this kernel has it elsewhere.
case $ported in
"port seen 1 max_entries 1 key_size 4 offset 32 "*) fail "the field did not move: $ported" ;;
"port seen 1 max_entries 1 key_size 4 offset "*) ;;
*) fail "the program does not read the right fields: $ported" ;;
esac
[ -n "$attached" ] || fail "the skeletons' attachments did not end well"
[ $skeletons -ge 25 ] || fail "only $skeletons skeletons compared"
[ -n "${GEN_SET:-}" ] || [ $compared -ge 25 ] || fail "only $compared objects compared"
echo "$compared objects and $skeletons skeletons are the same"
