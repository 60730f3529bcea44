#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# view_seed.sh - the sequence of the patches that objects outside of bpffs began with, as one program (view_seed.c), in a group of this machine.
. "$SRC/tests/e2e/lib.sh"
. "$SRC/tests/e2e/cg.sh"
need_fuse
[ -e "$BUILD/examples/view_wait/wait.bpf.o" ] || skip "clang cannot make the example's object"
need_cpu_group
start
ub mkdir /sys/fs/bpf/s
ub "$BUILD/tests/e2e/view_seed" "$BUILD/examples/view_wait/wait.bpf.o" /sys/fs/bpf/s "$cpu_group" "$(id_of "$cpu_group")" >"$T/out" 2>&1 || fail "the sequence:"
cat "$T/out"
same "nothing is left" "" "$(ub sh -c 'ls /sys/fs/bpf/s; bpftool link show; ls "$0" | grep bpf' "$cpu_group" | grep -v '^[0-9]*: iter\|target_name\|pids' | grep .)"
end_service
