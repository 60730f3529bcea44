#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# map_top.sh - `userbpf map top`: what maps hold, and operations while somebody looks.
. "$SRC/tests/e2e/lib.sh"
start
top() { "$USERBPF" map top --dir "$RT" "$@"; }
ub sh -c 'bpftool map create /sys/fs/bpf/m type hash key 4 value 8 entries 8 name seen &&
	for k in 1 2 3; do bpftool map update pinned /sys/fs/bpf/m key $k 0 0 0 value 1 0 0 0 0 0 0 0; done' >"$T/out" 2>&1 || fail "map: $(cat "$T/out")"
top --once --json --interval 0.1 >"$T/json" || fail "map top --json"
grep -q '"name": "seen", "kind": "hash", "lookups_per_s": 0, "updates_per_s": 0, "deletes_per_s": 0, "elements": 3, "max_entries": 8, "memory": [1-9]' "$T/json" ||
	fail "an idle map: $(cat "$T/json")"
top --once --interval 0.1 >"$T/table" || fail "map top"
grep -q ' seen  *hash  *0  *0  *0  *3  *8  *38 ' "$T/table" || fail "table: $(cat "$T/table")"
# somebody works
ub "$BUILD/tests/e2e/chaos" "$OBJ/chaos.bpf.o" 4 hash >/dev/null 2>&1 &
worker=$!
busy() { top --once --json --interval 0.2 | grep -q '"name": "chaos", "kind": "hash", "lookups_per_s": [1-9][0-9]*, "updates_per_s": [1-9]'; }
wait_for 10 busy || fail "nothing happens: $(top --once)"
wait "$worker"
for wrong in "map" "map bottom" "map top --interval 0" "map top --interval x"; do
	"$USERBPF" $wrong --dir "$RT" >/dev/null 2>&1
	same "userbpf $wrong" 2 $?
done
