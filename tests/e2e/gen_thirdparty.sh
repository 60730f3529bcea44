#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# gen_thirdparty - the objects inside the programs of Debian's libbpf-tools, written by others for real kernels: on the machine's kernel their loader
# files do what libbpf does, instruction by instruction, or fail where it fails.
. "$SRC/tests/e2e/lib.sh"
kernel_bpf || skip "the machine's kernel does not let us use bpf(2)"
[ -r /sys/kernel/btf/vmlinux ] || skip "the machine's kernel has no BTF"
dpkg -L libbpf-tools >"$T/files" 2>/dev/null || skip "libbpf-tools is not installed"
bin=$BUILD/tests/e2e
mkdir "$T/found" "$T/objects" "$T/loaders"
grep -E '/s?bin/.' "$T/files" | while read -r tool; do
	"$bin/bpfextract" "$T/found" "$tool" || fail "$tool: not read"
done
objects=
for object in "$T"/found/*; do
	name=$(basename "$object" .o | tr -c 'a-zA-Z0-9_\n' _)
	mv "$object" "$T/objects/$name.bpf.o"
	check "$name" "$USERBPF" gen loader "$T/objects/$name.bpf.o" -o "$T/loaders/$name.loader"
	objects="$objects $T/objects/$name.bpf.o"
done
sh "$SRC/tests/e2e/gen_loader_cases.sh" "$bin" "$T/loaders" $objects >"$T/kernel"
compared=0 failed=0
while read -r name verdict rest; do
	case $name:$verdict:$rest in
	\#*) ;;
	left:*) ;; # others use the kernel, too
	*:same:) compared=$((compared + 1)) ;;
	*:errno:"3 2") failed=$((failed + 1)) ;; # no such target: libbpf's own ESRCH, the helper's ENOENT
	*:errno:*) [ "${rest% *}" = "${rest#* }" ] && failed=$((failed + 1)) || fail "$name: errno of libbpf, of the loader: $rest" ;;
	*) fail "$name $verdict $rest" ;;
	esac
done <"$T/kernel"
echo "$compared objects are the same; $failed are refused by this kernel whoever loads them"
[ $compared -ge 10 ] || fail "only $compared objects compared"
