#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# iter_app.sh - examples/iter_map, a libbpf application with a generated skeleton, global data and an iter/bpf_map program, runs unchanged here and
# (where root may) on the machine's own kernel.
. "$SRC/tests/e2e/lib.sh"
app=$BUILD/examples/iter_map/iter_map
start
ub bpftool map create /sys/fs/bpf/big type hash key 4 value 8 entries 4321 name big_one || fail "map create"
ub "$app" 4000 >"$T/here" 2>"$T/err" || { fail "here: $(cat "$T/err")"; }
grep -q big_one "$T/here" || fail "the map is not shown: $(cat "$T/here")"
# the same with a light skeleton, and without libbpf
light=$BUILD/examples/light/light
ub "$light" 4000 >"$T/light" 2>"$T/err" || { fail "light: $(cat "$T/err")"; }
same "output of the light one" "$(cat "$T/here")" "$(cat "$T/light")"
ldd "$light" | grep -q -e libbpf -e libelf && fail "light links libbpf"
if kernel_bpf; then
	mkdir "$T/mnt" && mount -t bpf bpf "$T/mnt" && bpftool map create "$T/mnt/big" type hash key 4 value 8 entries 4321 name big_one &&
		"$app" 4000 >"$T/kernel" 2>"$T/err" || fail "on the kernel: $(cat "$T/err")"
	same "output on the kernel and here" "$(grep big_one "$T/kernel" | sed 's/^ *[0-9]* */ID /')" "$(grep big_one "$T/here" | sed 's/^ *[0-9]* */ID /')"
else
	echo "the machine's kernel does not let us use bpf(2): compared with nothing"
fi
