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

# LINUX_KERNEL_VERSION is that of the machine that loads, whatever the generating one was.
cat >"$T/version" <<'X'
"$1/runloader" "$2" "$1/objdump" | grep -A1 '^map kconfig.kconfig' | sed -n 's/.*key 00000000 value \(........\).*/\1/p'
X
if "$USERBPF" gen loader "$OBJ/gen/kconfig.bpf.o" -o "$T/kconfig.loader" 2>"$T/gen.err"; then
	value=$(ub sh "$T/version" "$BUILD/tests/e2e" "$T/kconfig.loader")
	case $(uname -v) in
	*Debian*) ;; # has another version than its release says
	*) same "version" "$(uname -r | sed 's/[^0-9.].*//' | awk -F. '{ printf "%02x%02x%02x00", ($3 > 255 ? 255 : $3), $2, $1 }')" "$value" ;;
	esac
else
	grep -q Kconfig "$T/gen.err" || fail "kconfig: $(cat "$T/gen.err")" # a machine that has no /boot/config
fi
