#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# handles.sh - 1,000 rounds of clients killed at random points: no object outlives its last holder by more than 200 ms, and the service's fds and
# memory return to where they began.
. "$SRC/tests/e2e/lib.sh"
start
pid=$("$USERBPF" status --dir "$RT" --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
fds() { ls "/proc/$pid/fd" | wc -l; }
rss() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status"; }
settled() { # waits until the connections of the last clients are gone
	for i in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(fds)" -le "$1" ] && break
		sleep 0.1
	done
}
ub "$BUILD/tests/e2e/handles" 50 1 || fail "warm-up"
sleep 1.5 # the service tidies up a second after its last client
fds0=$(fds) rss0=$(rss)
ub "$BUILD/tests/e2e/handles" 1000 "${SEED:-$$}" || fail "1,000 rounds"
sleep 1.5
settled "$fds0"
same "the service's fds" "$fds0" "$(fds)"
grown=$(($(rss) - rss0))
echo "memory: $rss0 KiB before, grown by $grown KiB"
# Under the sanitizers freed memory is kept for a while on purpose.
case $BUILD in *asan*) ;; *) [ $grown -lt 2048 ] || fail "the service grew by $grown KiB" ;; esac
