#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# timer.sh - bpf_timer with libbpf: callbacks run in the service, for programs of any process, dead ones too.
# The same application says the same on the machine's own kernel where root may use it.
. "$SRC/tests/e2e/lib.sh"
cc=$(command -v cc || command -v gcc) || skip "a C compiler is missing"
start
$cc -O2 -Wall "$SRC/tests/e2e/timer.c" -o "$T/app" -lbpf 2>"$T/err" || { fail "timer.c: $(head -5 "$T/err")"; exit 1; }
same "here" ok "$(ub "$T/app" "$OBJ/timer.bpf.o" 2>&1 | tail -30)"
if kernel_bpf; then
	same "on the machine's kernel" ok "$("$T/app" "$OBJ/timer.bpf.o" 2>&1 | tail -30)"
fi
