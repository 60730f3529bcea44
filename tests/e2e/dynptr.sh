#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# dynptr.sh - dynptrs on values of maps and on records of a ring buffer: the programs check what they get, the test what they left.
. "$SRC/tests/e2e/lib.sh"
start
head -c 64 /dev/zero >"$T/packet"
check "load" ub bpftool prog loadall "$OBJ/dynptr.bpf.o" /sys/fs/bpf/d pinmaps /sys/fs/bpf/m
for prog in value records; do
	for repeat in 1 50; do
		got=$(ub bpftool prog run pinned "/sys/fs/bpf/d/$prog" data_in "$T/packet" repeat $repeat 2>&1)
		case $got in
		*"Return value: 0,"*) ;;
		*) fail "$prog, $repeat times: $got" ;;
		esac
	done
done
ub bpftool -j map dump pinned /sys/fs/bpf/m/result >"$T/result"
same "what was written" '"0x68","0x65","0x6c","0x6c","0x6f","0x21"' "$(grep -o '"0x68","0x65","0x6c","0x6c","0x6f","0x21"' "$T/result" | head -1)"
