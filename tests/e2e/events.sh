#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# events.sh - programs on functions and tracepoints of the service, attached by unmodified libbpf with cookies, and what bpftool shows of them.
. "$SRC/tests/e2e/lib.sh"
[ -f "$OBJ/events.bpf.o" ] || skip "no events.bpf.o: it needs the service's types"
start
check "libbpf's view" ub "$BUILD/tests/e2e/events" "$OBJ/events.bpf.o"
