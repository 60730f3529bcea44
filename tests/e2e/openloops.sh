#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# openloops.sh - loops of later kernels and the rest of cpu v4, from C: loaded by libbpf, run, and their results checked inside.
. "$SRC/tests/e2e/lib.sh"
start
head -c 64 /dev/zero >"$T/packet"
check "load" ub bpftool prog loadall "$OBJ/openloops.bpf.o" /sys/fs/bpf/o
for prog in numbers numbers_seen values until_enough enough_seen searches v4; do
	for repeat in 1 3; do
		got=$(ub bpftool prog run pinned "/sys/fs/bpf/o/$prog" data_in "$T/packet" repeat $repeat 2>&1)
		case $got in
		*"Return value: 0,"*) ;;
		*) fail "$prog, $repeat times: $got" ;;
		esac
	done
done
