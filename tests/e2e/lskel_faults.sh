#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# lskel_faults.sh - every bpf(2) call of a light skeleton's load made to fail in turn: the error comes out of NAME__load(), and no fd, program,
# map, BTF or link is left (lskel.c looks after each load).
#   LSKEL_SET='NAME ...'   only these objects
. "$SRC/tests/e2e/lib.sh"
. "$SRC/tests/e2e/lskel_lib.sh"
lskel_build
start

total=0
for name in ${LSKEL_SET:-$names}; do
	has "$name" kernel && continue
	# the calls a load makes, those of the loader program included
	"$USERBPF" trace --dir "$RT" --json -o trace.json -- ./lskel bare "$name" >out 2>&1 || fail "$name: does not load: $(head -c 300 out)"
	n=$(grep -c '"cmd": "BPF_' trace.json)
	[ "$n" -gt 4 ] || fail "$name: only $n calls"
	total=$((total + n))
	ub ./lskel faults "$name" "$n" 0 >out 2>&1 || { fail "$name: a fault is lost or leaves something"; head -20 out; }
done
echo "$total faults"

# the same as text, and numbers and names of errors; what is no number is no fault
same "by number" 'err -18' "$(USERBPF_FAIL=1:18 ub bpftool -L prog load "$L/maps.bpf.o" /sys/fs/bpf/x 2>&1 | head -1)"
USERBPF_FAIL=x ub ./lskel bare maps || fail "USERBPF_FAIL=x does something"
USERBPF_FAIL=1:ENOSUCH ub ./lskel bare maps || fail "an unknown errno does something"
same "ENOMEM by default" ENOMEM "$(USERBPF_FAIL=1 ub ./lskel bare maps)"
same "by name" EXDEV "$(USERBPF_FAIL=4:EXDEV ub ./lskel bare maps)"
# faults are the command's: a service that run starts for it preloads as ever
if [ -w /dev/fuse ]; then
	for n in 2 3 5; do
		same "preloaded files with call $n failing" "maps.debug progs.debug " \
			"$(USERBPF_FAIL=$n "$USERBPF" run --dir "$T/own$n" -- ls /sys/fs/bpf 2>&1 | tr '\n' ' ')"
	done
fi
cd /
