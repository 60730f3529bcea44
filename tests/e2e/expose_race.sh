#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# expose_race.sh - 100 readers of a view whose pin comes and goes: a whole answer or none at all, and nothing is left over. RACE_SECONDS: how long
# (30 in `make asan`).
. "$SRC/tests/e2e/lib.sh"
. "$SRC/tests/e2e/cg.sh"
need_fuse
need_groups
watch_leaks
start
views
pid=$(service_pid)
objects() { ub sh -c 'bpftool link show | grep -c "^[0-9]"; bpftool prog show | grep -c "^[0-9]"' | xargs; }
race() { # SECONDS
	ub sh -c '"$0" cycle "$2" /sys/fs/bpf/v/group "$1" & "$0" readers "$2" 100 "$1"; r=$?; wait; exit $r' "$ex" "$host/f" "$1" >"$T/out" || fail "readers:"
}
race 1 # what is allocated once
before=$(objects) fds=$(service_fds "$pid") rss=$(service_rss "$pid")
race "${RACE_SECONDS:-6}"
cat "$T/out"
grep -q "wrong, -" "$T/out" && fail "readers got no text"
grep -q "^ok" "$T/out" || fail "pins do not come and go"
[ "$(sed -n 's/ times there.*//p' "$T/out")" -gt 100 ] || fail "readers read nothing"
same "links and programs" "$before" "$(objects)"
back() { [ "$(service_fds "$pid")" -le "$fds" ]; }
wait_for 5 back || fail "the service's fds: $fds before, $(service_fds "$pid") after"
grown=$(($(service_rss "$pid") - rss))
case $BUILD in *asan*) ;; *) [ $grown -lt 4096 ] || fail "the service grew by $grown KiB" ;; esac
no_views
same "nothing is left" 0 "$(ub sh -c 'bpftool prog show | grep -c "name group"')"
end_service
