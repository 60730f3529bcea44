#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# gen_portable - one loader file, made where there is no kernel BTF at all, on kernels whose structs have other layouts: the service
# and the machine's kernel (gen_qemu has a third). The program reads the right fields on each.
. "$SRC/tests/e2e/lib.sh"
"$USERBPF" gen loader "$OBJ/lskel/core_field.bpf.o" -o "$T/x.loader" || fail "no loader"

# port WHERE CMD...: runs the program there; its field is not where the compiler had it
port() {
	where=$1
	shift
	text=$("$@" "$BUILD/tests/e2e/coreport" "$T/x.loader" 2>&1)
	case $text in
	"port seen 1 max_entries 1 key_size 4 offset 32 "*) fail "$where: the field did not move: $text" ;;
	"port seen 1 max_entries 1 key_size 4 offset "*) ;;
	*) fail "$where: $text" ;;
	esac
}
port service ub
service=$text
if kernel_bpf && [ -r /sys/kernel/btf/vmlinux ]; then
	port kernel env
	[ "$text" != "$service" ] || fail "service and kernel have one layout, so nothing was shown: $text"
fi
