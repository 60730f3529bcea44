#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# vma.sh - bpf_find_vma in an iterator: the mapping of the service that a map's object is in.
. "$SRC/tests/e2e/lib.sh"
clang=$(command -v clang-19 || command -v clang) || skip "clang is missing"
start
cd "$T" || exit 1
ub bpftool btf dump file /sys/kernel/btf/vmlinux format c >vmlinux.h 2>err || fail "btf dump: $(cat err)"
$clang -target bpf -mcpu=v3 -O2 -g -Wall -I"$T" -c "$SRC/tests/data/bpf/vma.bpf.c" -o vma.bpf.o 2>err || { fail "vma.bpf.c: $(head -5 err)"; exit 1; }
ub bpftool map create /sys/fs/bpf/m type array key 4 value 4 entries 1 name m >out 2>&1 || fail "map: $(cat out)"
ub bpftool iter pin vma.bpf.o /sys/fs/bpf/maps >out 2>&1 || fail "pin: $(tail -20 out)"
same "what it says" "find 0 calls 1 inside 1 flags 3 nowhere -2 flags -22 calls 0" "$(ub cat /sys/fs/bpf/maps | sort -u)"
cd /
