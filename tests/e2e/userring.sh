#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# userring.sh - ring buffers written by unmodified libbpf, read by programs. The same application says the same on the machine's own kernel where root may use it.
. "$SRC/tests/e2e/lib.sh"
cc=$(command -v cc || command -v gcc) || skip "a C compiler is missing"
start
$cc -O2 -Wall "$SRC/tests/e2e/userring.c" -o "$T/app" -lbpf 2>"$T/err" || { fail "userring.c: $(head -5 "$T/err")"; exit 1; }
pid=$(service_pid)
same "here" ok "$(ub "$T/app" "$OBJ/userring.bpf.o" 2>&1 | head -20)"
before=$(service_fds "$pid")
same "here again" ok "$(ub "$T/app" "$OBJ/userring.bpf.o" 2>&1 | head -20)"
# what the maps had is given back
fds_back() { [ "$(service_fds "$pid")" -le "$before" ]; }
wait_for 5 fds_back || fail "fds of the service: $before, then $(service_fds "$pid")"
if kernel_bpf; then
	same "on the machine's kernel" ok "$("$T/app" "$OBJ/userring.bpf.o" 2>&1 | head -20)"
fi
