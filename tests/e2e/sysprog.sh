#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# sysprog.sh - programs of type SYSCALL and fd_array: what they may call, with memory of every kind, and what it answers. The machine's own
# kernel, where root may use it, answers the same.
. "$SRC/tests/e2e/lib.sh"
clang=$(command -v clang-19 || command -v clang) || skip "clang is missing"
cc=$(command -v cc || command -v gcc) || skip "a C compiler is missing"
cd "$T" || exit 1
$clang -target bpf -mcpu=v3 -O2 -g -Wall -I"/usr/include/$(uname -m)-linux-gnu" -c "$SRC/tests/e2e/sysprog.bpf.c" -o sysprog.bpf.o 2>err || { fail "sysprog.bpf.c: $(head -5 err)"; exit 1; }
bpftool gen skeleton sysprog.bpf.o name sysprog >sysprog.skel.h 2>err || fail "gen skeleton: $(cat err)"
$cc -O1 -D_GNU_SOURCE -I. "$SRC/tests/e2e/sysprog.c" -o sysprog -lbpf 2>err || { fail "sysprog.c: $(head -5 err)"; exit 1; }
start
cat >want <<'Y'
commands: 0 retval 0: EINVAL EINVAL EBADF EBADF EINVAL 0 EINVAL EINVAL EINVAL EINVAL EINVAL EINVAL EINVAL EINVAL ENOENT EINVAL EINVAL EINVAL 0 EINVAL EINVAL EINVAL EBADF EINVAL EINVAL EINVAL EINVAL EINVAL EBADF EINVAL EINVAL EINVAL EINVAL EINVAL EINVAL EINVAL EINVAL EINVAL EINVAL EINVAL
pointers: 0 retval 5: 0 0 EINVAL EBADF
value 222 ctx 333
long attr: 5 E2BIG
names: 0 retval 0:
types found ENOENT ENOENT EINVAL EINVAL ENOENT 0 1 ENOENT 0 EINVAL EINVAL
memory: 0 retval 0: 0 EFAULT 0 1 1
copied 0x1122334455667788 zeroed 0
closing: 0 retval 0: 0 EBADF EBADF EBADF
fd closed
index: 0 maps 1
value by index: 0 maps 1
value beyond the end: EINVAL | invalid access to map value pointer, value_size=8 off=8
no array: EPROTO | fd_idx without fd_array is invalid
unreadable array: EFAULT
index of a BTF: EINVAL | fd N is not pointing to valid bpf_map
index of no fd: EBADF | fd 9999 is not pointing to valid bpf_map
index of a negative number: EBADF | fd -71 is not pointing to valid bpf_map
kfunc without array: EPROTO | kfunc offset > 0 without fd_array is invalid
kfunc of a map: EINVAL | invalid module BTF fd specified
kfunc of no module: EINVAL | BTF fd for kfunc is not a module BTF
kfunc of no fd: EBADF | invalid module BTF fd specified
count: two maps and a BTF: 0 maps 2
count: the same map twice: 0 maps 1
count: none: 0 maps 0
count: no fd: EBADF | fd 9999 is not pointing to valid bpf_map or btf
count: no array: EFAULT
count: too many: EINVAL | fd_array_cnt is too big (1073741824)
count: not passed: 0 maps 0
Y
answers() { sed 's/fd 1[0-9] is not/fd N is not/'; }
ub ./sysprog 2>&1 | answers >got
diff want got || fail "answers differ"
# without CAP_SYSLOG no addresses, without CAP_PERFMON no bpf_sys_bpf
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	ub setpriv --bounding-set -syslog --inh-caps -syslog ./sysprog 2>&1 | grep '^types' >out
	same "names without CAP_SYSLOG" "types found ENOENT ENOENT EINVAL EINVAL ENOENT EPERM 0 EPERM 0 EINVAL EINVAL" "$(cat out)"
	ub setpriv --bounding-set -perfmon,-sys_admin --inh-caps -perfmon,-sys_admin ./sysprog >out 2>&1
	grep -q 'unknown func bpf_sys_bpf#166' out || fail "bpf_sys_bpf without CAP_PERFMON: $(tail -3 out)"
fi
# a program of this type comes with its image: hello, map, program; the element is written in the memory, and to run it takes no more
served() { "$USERBPF" status --dir "$RT" | sed -n 's/.*, \([0-9]*\) requests served/\1/p'; }
a=$(served)
ub true
b=$(served)
ub "$BUILD/bench/loader_floor" >/dev/null || fail "a loader of nothing"
c=$(served)
same "requests of a loader of nothing" 3 $((c - b - (b - a)))
if kernel_bpf; then
	./sysprog 2>&1 | answers >got
	# fd_array_cnt is of 6.14
	grep -q '^count: none: 0' got || { grep -v ^count: got >got2; mv got2 got; grep -v ^count: want >want2; mv want2 want; }
	diff want got || fail "the machine's kernel answers something else"
fi
cd /
