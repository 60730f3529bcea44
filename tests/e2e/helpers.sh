#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# helpers.sh - programs that check helpers and kinds of maps from inside: every test run returns 0, repeated or not.
. "$SRC/tests/e2e/lib.sh"
start
head -c 64 /dev/zero >"$T/packet"
check "load" ub bpftool prog loadall "$OBJ/helpers.bpf.o" /sys/fs/bpf/h
for prog in loops locks rings storages nothing_there tasks tunnels devices xdp_devices; do
	for repeat in 1 50; do
		got=$(ub bpftool prog run pinned "/sys/fs/bpf/h/$prog" data_in "$T/packet" repeat $repeat 2>&1)
		case $got in
		*"Return value: 0,"*) ;;
		*) fail "$prog, $repeat times: $got" ;;
		esac
	done
done
ub bpftool prog dump xlated pinned /sys/fs/bpf/h/loops >"$T/xlated"
same "calls of bpf_loop that are left" 1 "$(grep -c 'call bpf_loop' "$T/xlated")"
