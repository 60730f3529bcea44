#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kptr.sh - pointers to objects of the service in map values, with libbpf: references move between processes and are given back when values and maps go.
. "$SRC/tests/e2e/lib.sh"
cc=$(command -v cc || command -v gcc) || skip "a C compiler is missing"
clang=$(command -v clang-19 || command -v clang) || skip "clang is missing"
start
cd "$T" || exit 1
ub bpftool btf dump file /sys/kernel/btf/vmlinux format c >vmlinux.h 2>err || fail "btf dump: $(cat err)"
$clang -target bpf -mcpu=v3 -O2 -g -Wall -I"$T" -c "$SRC/tests/data/bpf/kptr.bpf.c" -o kptr.bpf.o 2>err || { fail "kptr.bpf.c: $(head -5 err)"; exit 1; }
$cc -O2 -Wall "$SRC/tests/e2e/kptr.c" -o app -lbpf 2>err || { fail "kptr.c: $(head -5 err)"; exit 1; }
same "here" ok "$(ub ./app kptr.bpf.o 2>&1 | head -30)"
# instructions are shown as they were loaded
ub bpftool prog loadall kptr.bpf.o /sys/fs/bpf/kptr >out 2>&1 || fail "load: $(tail -3 out)"
ub bpftool prog dump xlated pinned /sys/fs/bpf/kptr/take_out >xlated
grep -q 'call bpf_kptr_xchg' xlated && grep -q '(7b) \*(u64 \*)(r[0-9] +0) = r[0-9]\|(7a) \*(u64 \*)(r[0-9] +0) = 0' xlated || fail "dump: $(head -30 xlated)"
cd /
