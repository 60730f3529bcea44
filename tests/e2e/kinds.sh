#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kinds.sh - map kinds by bpf(2) and from programs answer as a kernel did (kinds.expect), operation by operation. Where root may use the machine's
# own kernel, the same is asked of it, and a longer series compared.
. "$SRC/tests/e2e/lib.sh"
cc=$(command -v cc || command -v gcc) || skip "a C compiler is missing"
start
$cc -O2 -Wall "$SRC/tests/e2e/kinds.c" -o "$T/app" -lbpf 2>"$T/err" || { fail "kinds.c: $(head -5 "$T/err")"; exit 1; }
ub "$T/app" "$OBJ/kinds.bpf.o" 300 >"$T/here" 2>&1
diff "$SRC/tests/e2e/kinds.expect" "$T/here" >"$T/diff" || fail "here: $(head -20 "$T/diff")"
if kernel_bpf; then
	ub "$T/app" "$OBJ/kinds.bpf.o" 3000 >"$T/here" 2>&1
	"$T/app" "$OBJ/kinds.bpf.o" 3000 >"$T/there" 2>&1
	diff "$T/there" "$T/here" >"$T/diff" || fail "the machine's kernel: $(head -20 "$T/diff")"
fi
