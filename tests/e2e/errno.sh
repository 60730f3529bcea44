#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# errno.sh - every bpf(2) command with truncated and oversize attr, garbage tail, bad pointers, bad fds and wrong kinds, through the shim and the service:
# the calls and answers of tests/unit/sys/errno.txt. The service is alive afterwards with the fds it had.
# Where root may use the machine's kernel, the same calls go there; "newer" in errno.txt accepts what later kernels than 6.1 say, with its reason.
. "$SRC/tests/e2e/lib.sh"
table=$SRC/tests/unit/sys/errno.txt
prog=$BUILD/tests/unit/sys/unit_sys_errno
[ -x "$prog" ] || skip "no $prog"
if [ "$(id -u)" != 0 ]; then # the fds of pid 1 are none of our business
	grep -v '^TASK_FD_QUERY pid=1 ' "$table" >"$T/table"
	table=$T/table
fi
start
ub "$prog" --service "$table" >"$T/warm" 2>&1 # what is allocated once
sleep 0.3
pid=$(service_pid)
fds=$(service_fds "$pid")
ub "$prog" --service "$table" >"$T/out" 2>&1 || { fail "through the service"; head -40 "$T/out"; }
tail -1 "$T/out"
same "the service" "$pid" "$(service_pid)"
sleep 0.3
same "the service's fds" "$fds" "$(service_fds "$pid")"
same "objects left" "2 programs, 2 maps, 2 links" "$("$USERBPF" status --dir "$RT" | sed -n 's/^objects *\(2 programs, [0-9]* maps, 2 links\).*/\1/p' | sed 's/, [0-9]* maps/, 2 maps/')"

# uid 1000 gets the same: in its user namespace it has every capability. But the fds of pid 1 are none of its business.
if [ "$(id -u)" = 0 ] && [ "$(cat /proc/sys/user/max_user_namespaces)" -gt 0 ] && command -v setpriv >/dev/null; then
	user_dirs
	grep -v '^TASK_FD_QUERY pid=1 ' "$table" >"$T/home/table"
	as_user "$USERBPF" run -- "$prog" --service "$T/home/table" >"$T/out" 2>&1 || { fail "as uid 1000"; head -40 "$T/out"; }
fi
if kernel_bpf; then
	"$prog" --kernel "$table" >"$T/out" 2>&1 || { fail "the machine's kernel differs from the table"; head -40 "$T/out"; }
else
	echo "the machine's kernel does not let us use bpf(2): compared with the table only"
fi
