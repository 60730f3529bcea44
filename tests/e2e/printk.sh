#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# printk.sh - bpf_trace_printk of a test-run program shows in trace_pipe.
. "$SRC/tests/e2e/lib.sh"
start
head -c 64 /dev/zero >"$T/packet"
check "load" ub bpftool prog load "$OBJ/printk.bpf.o" /sys/fs/bpf/p
timeout 10 head -1 "$RT/trace_pipe" >"$T/line" &
check "run" ub bpftool prog run pinned /sys/fs/bpf/p data_in "$T/packet"
wait
grep -qE '^ *[^ ]+-[0-9]+ +\[[0-9]{3}\] .* [0-9]+\.[0-9]{6}: bpf_trace_printk: length 50$' "$T/line" || fail "trace_pipe: $(cat "$T/line")"
