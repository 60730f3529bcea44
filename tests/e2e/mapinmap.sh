#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# mapinmap.sh - maps of maps with libbpf: initial slots, fds in and ids out, inner maps replaced under programs that use them.
# The same application says the same on the machine's own kernel where root may use it.
. "$SRC/tests/e2e/lib.sh"
cc=$(command -v cc || command -v gcc) || skip "a C compiler is missing"
start
$cc -O2 -Wall "$SRC/tests/e2e/mapinmap.c" -o "$T/app" -lbpf 2>"$T/err" || { fail "mapinmap.c: $(head -5 "$T/err")"; exit 1; }
same "here" ok "$(ub "$T/app" "$OBJ/mapinmap.bpf.o" 2>&1 | head -20)"
# bpftool gives fds and shows ids
check "inner" ub bpftool map create /sys/fs/bpf/in type array key 4 value 4 entries 1 name in
for kind in array hash; do
	check "outer $kind" ub bpftool map create /sys/fs/bpf/out_$kind type ${kind}_of_maps key 4 value 4 entries 2 name out_$kind inner_map pinned /sys/fs/bpf/in
	check "update $kind" ub bpftool map update pinned /sys/fs/bpf/out_$kind key 1 0 0 0 value pinned /sys/fs/bpf/in
	id=$(ub bpftool map show pinned /sys/fs/bpf/in | sed -n '1s/:.*//p')
	want=$(printf 'key: 01 00 00 00  value: %02x %02x 00 00' $((id % 256)) $((id / 256)))
	same "dump of $kind" "$want" "$(ub bpftool map dump pinned /sys/fs/bpf/out_$kind 2>&1 | head -1)"
done
if kernel_bpf; then
	same "on the machine's kernel" ok "$("$T/app" "$OBJ/mapinmap.bpf.o" 2>&1 | head -20)"
fi
