#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# limit.sh - programs that practically never end: who waits for one gets an answer in time, what the program held is given back, others
# are served meanwhile, and the service can be stopped.
# what is stuck here is nobody else's to look at
if [ "$(id -u)" = 0 ] && [ -z "${ALONE-}" ] && unshare -m true 2>/dev/null; then
	ALONE=1 exec unshare -m --propagation private sh "$0"
fi
. "$SRC/tests/e2e/lib.sh"
[ -r /dev/fuse ] || skip "no /dev/fuse"
E=$BUILD/tests/e2e/endless
O=$OBJ/endless.bpf.o
B=/sys/fs/bpf
[ -r "$O" ] || skip "no vmlinux.h was made"
LIMIT=0.7
at() { ub sh -c "$1" 2>&1; }
now_ms() { date +%s%3N; }
# in_time WHAT MS CMD...: its output, and it took so long at most
in_time() {
	what=$1 most=$2 t0=$(now_ms)
	shift 2
	"$@"
	took=$(($(now_ms) - t0))
	[ $took -le "$most" ] || fail "$what took $took ms"
}
# Compiled and interpreted: every kind of loop, in an iterator's program. The first read tells the error.
each_way() { # JIT
	for p in loops elements numbers may functions; do
		same "$p ($1)" OK "$(ub "$E" pin "$O" $p $B)"
		in_time "$p ($1)" 3000 at "cat $B/$p" >"$T/out"
		same "$p ($1): the reader hears" "cat: $B/$p: Timer expired" "$(cat "$T/out")"
		same "$p ($1): it came to its end" "1 1" "$(ub "$E" counts $B)"
		ub rm $B/$p
	done
}
start -- --run-limit $LIMIT
each_way compiled
same "a record that was reserved is there" 1 "$(ub "$E" pin "$O" loops $B >/dev/null; at "cat $B/loops" >/dev/null; ub "$E" records $B)"
"$USERBPF" status --dir "$RT" | grep -q "^runs  *6 ended after $LIMIT s" || fail "the status: $("$USERBPF" status --dir "$RT" | grep runs)"
"$USERBPF" status --dir "$RT" --json | grep -q '"run_limit_ms":700,"runs_ended":6' || fail "the status as JSON"

# text of objects before is not lost; the object that takes too long is in the way, as one that is too long
same "another map's turn" OK "$(ub "$E" pin "$O" second $B)"
at "cat $B/second" >"$T/out"
same "what was there before" "map" "$(sed -n 1p "$T/out")"
same "then the error" "cat: $B/second: Timer expired" "$(sed -n '$p' "$T/out")"
# the other way to read: a pipe, which ends
in_time "through a pipe" 4000 ub "$BUILD/tests/e2e/view" walk "$O" second >/dev/null 2>&1

# a view: nothing of half an answer
same "a view" OK "$(ub "$E" pin "$O" view $B)"
in_time "a view" 3000 at "cat $B/view" >"$T/out"
same "a view's reader" "cat: $B/view: Timer expired" "$(cat "$T/out")"

# others are served meanwhile; who is killed is gone at once, and its run with it
at "cat $B/loops; cat $B/loops; cat $B/loops" >/dev/null &
slow=$!
sleep 0.2
in_time "another reader" 600 at "cat $B/maps.debug" | grep -q cells || fail "another reader is not served"
wait $slow
"$USERBPF" down --dir "$RT"

# an endless limit, so that only what is tested here ends runs
start -- --run-limit 0
ub "$E" pin "$O" view $B >/dev/null
ub sh -c 'echo $$ >"$0"; exec cat "$1"' "$T/reader" $B/view >/dev/null 2>&1 &
reader=$!
sleep 0.5
kill "$(cat "$T/reader")"
in_time "a signal for a reader" 2000 wait $reader
idle() { ! cat "/proc/$1/task/"*"/stat" | grep -q ") R "; }
wait_for 5 idle "$(service_pid)" || fail "its run goes on"

# a client's own run goes with it
timeout 1 "$USERBPF" run --dir "$RT" -- "$E" run "$O" >/dev/null 2>&1
same "a client's run is killed with it" 124 $?

# programs that the service calls by itself: once too long is enough
"$USERBPF" down --dir "$RT"
start -- --run-limit $LIMIT
same "a timer" OK "$(ub "$E" arm "$O" $B)"
wait_for 5 test "$(sleep 2; ub "$E" counts $B)" = "1 1" || fail "a timer's callback: $(ub "$E" counts $B)"
sleep 1
same "it does not fire again" "1 1" "$(ub "$E" counts $B)"
if grep -qs . /proc/self/schedstat; then
	same "an event" OK "$(ub "$E" pin "$O" event $B)"
	sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done' & sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done' &
	wait_for 10 sh -c "[ \"\$($USERBPF run --dir $RT -- $E counts $B)\" = '1 1' ]" || fail "a program at an event: $(ub "$E" counts $B)"
	sleep 1
	same "it is not called again" "1 1" "$(ub "$E" counts $B)"
	in_time "detached" 2000 ub rm $B/event
	wait %% 2>/dev/null
fi
"$USERBPF" down --dir "$RT"

# the service ends, whatever runs
start -- --run-limit 0
for p in loops elements numbers may functions view; do
	ub "$E" pin "$O" $p $B >/dev/null
done
for p in loops elements numbers may functions view; do
	ub cat $B/$p >"$T/$p" 2>&1 &
done
sleep 0.5
in_time "down" 3000 "$USERBPF" down --dir "$RT"
wait
started=
for p in loops elements numbers may functions view; do
	same "$p: its reader hears of the end" "cat: $B/$p: Transport endpoint is not connected" "$(head -1 "$T/$p")" # close(2), too
done

# the same without machine code
"$USERBPF" up --dir "$RT" --no-jit -- --run-limit $LIMIT
started=1
each_way interpreted

[ -n "${ALONE-}" ] || exit 0
# a file on a file system whose server is stuck (another service, stopped) holds nobody up who only looks at who has it open
mkdir -p "$T/mnt1"
"$USERBPF" up --dir "$T/rt2" && "$USERBPF" mount --dir "$T/rt2" bpffs "$T/mnt1"
stuck=$("$USERBPF" status --dir "$T/rt2" --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
trap 'kill -CONT "$stuck" 2>/dev/null; "$USERBPF" down --dir "$T/rt2" 2>/dev/null; cleanup' EXIT
sh -c 'exec 3<"$0/maps.debug" && exec sleep 60' "$T/mnt1" &
holder=$!
wait_for 5 test -e /proc/$holder/fd/3
kill -STOP "$stuck"
in_time "somebody else's file" 3000 timeout 10 "$USERBPF" run --dir "$RT" -- "$BUILD/tests/e2e/view" walk "$OBJ/walk.bpf.o" files pid=$holder >"$T/out"
grep -q "mnt1/maps.debug" "$T/out" || fail "somebody else's file: $(cat "$T/out")"
kill -CONT "$stuck"
kill $holder
umount -l "$T/mnt1"
"$USERBPF" down --dir "$T/rt2"
# nobody can end a thread that waits for another process's memory (a userfaultfd); the service ends all the same
"$E" hold >"$T/held" &
mapper=$!
wait_for 5 test -s "$T/held"
if grep -q '^[0-9]' "$T/held"; then
	same "who reads it" OK "$(ub "$E" stuck "$O" $(cat "$T/held") $B)"
	ub cat $B/stuck >"$T/out" 2>&1 &
	reader=$!
	sleep 1
	in_time "down, although a thread is stuck" 14000 "$USERBPF" down --dir "$RT"
	[ $took -gt 3000 ] || fail "no thread was stuck"
	wait $reader
	[ -e "$RT" ] && fail "something is left: $(ls "$RT")"
	start -- --run-limit $LIMIT
fi
kill $mapper

# files of groups
for g in /sys/fs/cgroup/unified /sys/fs/cgroup; do
	[ -e "$g/cgroup.procs" ] && break
	g=
done
[ -n "$g" ] || exit 0
G=$g/userbpf-limit.$$
mkdir "$G" 2>/dev/null || exit 0
trap 'rmdir "$G" 2>/dev/null; cleanup' EXIT # the other service has ended
same "a view of groups" OK "$(ub "$E" pin "$O" group $B)"
ub "$USERBPF" expose $B/group "$G/show" || fail "exposed"
in_time "a group's file" 3000 at "cat $G/show" >"$T/out"
same "a group's file" "cat: $G/show: Timer expired" "$(cat "$T/out")"
same "what takes writes" OK "$(ub "$E" pin "$O" writer $B)"
ub "$USERBPF" expose $B/writer "$G/take" || fail "exposed"
in_time "written" 3000 at "echo x | tee $G/take >/dev/null" >"$T/out"
grep -q "Timer expired" "$T/out" || fail "a writer: $(cat "$T/out")"
