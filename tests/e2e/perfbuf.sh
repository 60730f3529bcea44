#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# perfbuf.sh - perf buffers read by unmodified libbpf. The same application says the same on the machine's own kernel where root may use it.
. "$SRC/tests/e2e/lib.sh"
start
pid=$(service_pid)
app=$BUILD/tests/e2e/perfbuf
same "here" ok "$(ub "$app" "$OBJ/perfbuf.bpf.o" 2>&1 | head -20)"
before=$(service_fds "$pid")
same "here again" ok "$(ub "$app" "$OBJ/perfbuf.bpf.o" 2>&1 | head -20)"
fds_back() { [ "$(service_fds "$pid")" -le "$before" ]; }
wait_for 5 fds_back || fail "fds of the service: $before, then $(service_fds "$pid")"
if kernel_bpf; then
	same "on the machine's kernel" ok "$("$app" "$OBJ/perfbuf.bpf.o" 2>&1 | head -20)"
fi
