#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# sockfuzz.sh - the service survives clients that send nonsense, serves the others meanwhile, and has its fds and memory back afterwards.
. "$SRC/tests/e2e/lib.sh"
start
pid=$(service_pid)
seed=${SEED:-$$}
fuzz() { # SECONDS
	"$BUILD/tests/e2e/sockfuzz" "$RT/sock" "$1" "$seed" >"$T/fuzz1" &
	one=$!
	"$BUILD/tests/e2e/sockfuzz" "$RT/sock" "$1" "$((seed + 1))" >"$T/fuzz2" &
	two=$!
}
back() { [ "$(service_fds "$pid")" -le "$fds0" ]; }
ub bpftool map create /sys/fs/bpf/m type hash key 4 value 8 entries 2 name m || fail "map create"
fuzz 1 # what is allocated once
wait $one $two
sleep 6 # connections that stalled half-way are given up
alive=$(service_pid)
same "the service after the warm-up (seed $seed)" "$pid" "$alive"
[ -n "$alive" ] || exit 1
fds0=$(service_fds "$pid") rss0=$(service_rss "$pid")
fuzz 5
served=0 slowest=0
while kill -0 $one 2>/dev/null; do
	before=$(date +%s%N)
	timeout 5 "$USERBPF" run --dir "$RT" -- bpftool map dump pinned /sys/fs/bpf/m >"$T/out" 2>&1 && served=$((served + 1)) || { fail "an honest client: $(cat "$T/out")"; break; }
	took=$((($(date +%s%N) - before) / 1000000))
	[ $took -gt $slowest ] && slowest=$took
done
wait $one $two
same "the service (seed $seed)" "$pid" "$(service_pid)"
[ $served -ge 5 ] || fail "only $served honest clients were served"
[ $slowest -lt 2000 ] || fail "an honest client waited $slowest ms"
wait_for 10 back || fail "the service's fds: $fds0 before, $(service_fds "$pid") after (seed $seed)"
grown=$(($(service_rss "$pid") - rss0))
echo "$(cat "$T/fuzz1" "$T/fuzz2" | xargs); $served honest clients, the slowest took $slowest ms; memory: $rss0 KiB before, grown by $grown KiB"
case $BUILD in *asan*) ;; *) [ $grown -lt 4096 ] || fail "the service grew by $grown KiB (seed $seed)" ;; esac
"$USERBPF" status --dir "$RT" | grep -q '^objects *2 programs, .* 2 links' || fail "objects left: $("$USERBPF" status --dir "$RT")"
