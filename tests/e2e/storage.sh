#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# storage.sh - values of tasks and groups, and arrays of groups, with libbpf: creation, keys that are fds, programs everywhere, and nothing stays of
# owners that are gone. The machine's kernel says the same where root may ask it.
. "$SRC/tests/e2e/lib.sh"
[ -e "$OBJ/storage.bpf.o" ] || skip "the build had no vmlinux.h"
S=$BUILD/tests/e2e/storage
O=$OBJ/storage.bpf.o
start

# a v2 hierarchy where groups can be made, as clients see it
groups() {
	for g in /sys/fs/cgroup /sys/fs/cgroup/unified; do
		[ -e $g/cgroup.procs ] && mkdir $g/userbpf-test.$$ 2>/dev/null && rmdir $g/userbpf-test.$$ && [ ! -e $g/tasks ] && echo $g && return
	done
}
g=
[ -w /dev/fuse ] && [ "$(id -u)" = 0 ] && g=$(groups)
same "here" ok "$(ub "$S" "$O" $g 2>&1 | head -20)"
[ -n "$g" ] || echo "no groups: nowhere to make them"
if kernel_bpf; then
	same "the machine's kernel" ok "$("$S" "$O" kernel 2>&1 | head -20)"
fi

# elements of map $1, as many as there are
elements() { "$USERBPF" map top --dir "$RT" --once --interval 0.1 --json | tr '{' '\n' | sed -n "s/.*\"name\": \"$1\".*\"elements\": \([0-9]*\).*/\1/p"; }
holds() { [ "$(elements tasks)" = "$1" ]; }
mkfifo "$T/in"
ub "$S" "$O" dead <"$T/in" >"$T/out" 2>&1 &
exec 3>"$T/in"
wait_for 10 grep -q . "$T/out"
same "left by the dead" ready "$(cat "$T/out")"
wait_for 10 holds 1 || fail "elements: $(elements tasks)"
exec 3>&-
wait $! || fail "dead: $(cat "$T/out")"

same "while processes are killed" ok "$(ub "$S" "$O" storm "${STORM_SECONDS:-3}" 2>&1 | head -20)"

# the kernel's names for what is shown
ub sh -c "bpftool prog loadall $O /sys/fs/bpf/s && bpftool map show && bpftool prog dump xlated pinned /sys/fs/bpf/s/fill_groups" >"$T/out" 2>&1
grep -q 'task_storage.*name tasks\|name tasks.*task_storage' "$T/out" || fail "map show: $(grep tasks "$T/out")"
grep -q 'call bpf_cgrp_storage_get' "$T/out" || fail "dump: $(grep call "$T/out")"

# whoever else reads objects knows them
"$USERBPF" verify "$O" >"$T/out" 2>&1 || fail "verify: $(grep -v verified "$T/out" | head -5)"
"$USERBPF" gen loader "$O" -o "$T/s.loader" 2>"$T/err" || fail "gen: $(head -3 "$T/err")"
ub "$USERBPF" load "$T/s.loader" >"$T/out" 2>&1 || fail "load: $(head -3 "$T/out")"
grep -q 'name tasks' "$T/out" || fail "loaded: $(cat "$T/out")"
