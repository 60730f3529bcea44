#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# mapinmap.sh - maps of maps with libbpf: initial slots, fds in and ids out, inner maps replaced under programs that use them.
# The same application says the same on the machine's own kernel where root may use it.
. "$SRC/tests/e2e/lib.sh"
cc=$(command -v cc || command -v gcc) || skip "a C compiler is missing"
start
$cc -O2 -Wall "$SRC/tests/e2e/mapinmap.c" -o "$T/app" -lbpf 2>"$T/err" || { fail "mapinmap.c: $(head -5 "$T/err")"; exit 1; }
same "here" ok "$(ub "$T/app" "$OBJ/mapinmap.bpf.o" 2>&1 | head -20)"
if kernel_bpf; then
	same "on the machine's kernel" ok "$("$T/app" "$OBJ/mapinmap.bpf.o" 2>&1 | head -20)"
fi
