#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# parallel.sh - long PROG_LOADs of one client delays nobody else: others get their answers while it is still running.
. "$SRC/tests/e2e/lib.sh"
start
ub sh -c '
	(bpftool prog loadall "$1/heavy.bpf.o" /sys/fs/bpf/heavy; echo "load: exit $?" >"$2/load") &
	sleep 0.05 # the load is on its way
	n=0
	while [ ! -e "$2/load" ] && [ $n -lt 10 ]; do
		bpftool map create /sys/fs/bpf/m$n type array key 4 value 4 entries 1 name m$n && cat /sys/fs/bpf/maps.debug >/dev/null && n=$((n + 1))
	done
	[ -e "$2/load" ] && echo $n >"$2/early" || echo $n >"$2/during"
	wait
' sh "$OBJ" "$T" 2>"$T/err"
same "the long load" "load: exit 0" "$(cat "$T/load" 2>/dev/null)"
if [ -e "$T/early" ]; then # a machine so quick that the load was over first still must have let somebody in
	[ "$(cat "$T/early")" -ge 1 ] || fail "nobody was answered while the load ran"
else
	same "answers while the load ran" 10 "$(cat "$T/during" 2>/dev/null)"
fi
