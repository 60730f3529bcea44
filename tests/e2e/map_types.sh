#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# map_types.sh - each type of map by its number, and by each flag: the same answers here, and of the machine's kernel where root may ask it.
. "$SRC/tests/e2e/lib.sh"
M=$BUILD/tests/e2e/map_types
same "here" ok "$(ub "$M" 2>&1 | head -20)"
ub "$M" matrix >"$T/here" 2>&1
diff "$SRC/tests/e2e/map_types.expect" "$T/here" >"$T/diff" || fail "flags: $(head -20 "$T/diff")"
if kernel_bpf; then
	same "the machine's kernel" ok "$("$M" kernel 2>&1 | head -20)"
	# later kernels freeze by handles that may write only, and have storage of inodes
	asked() { sed -e '/^inode_storage/d' -e 's/ freeze .*//' "$1"; }
	"$M" matrix >"$T/there" 2>&1
	asked "$T/there" >"$T/kernel"
	asked "$T/here" | diff "$T/kernel" - >"$T/diff" || fail "the machine's kernel: $(head -20 "$T/diff")"
fi
