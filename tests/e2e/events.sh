#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# events.sh - programs on functions and tracepoints of the service, attached by unmodified libbpf with cookies, and what bpftool shows of them.
. "$SRC/tests/e2e/lib.sh"
[ -f "$OBJ/events.bpf.o" ] || skip "no events.bpf.o: it needs the service's types"
start
check "libbpf's view" ub "$BUILD/tests/e2e/events" "$OBJ/events.bpf.o"

wait_for_word() { # WORD FILE
	for i in $(seq 100); do
		grep -q "$1" "$2" 2>/dev/null && return
		sleep 0.1
	done
	fail "no '$1' in $2: $(cat "$2")"
}
# what bpftool shows while somebody is attached
ub "$BUILD/tests/e2e/events" "$OBJ/events.bpf.o" wait >"$T/waits" 2>&1 &
waits=$!
wait_for_word ready "$T/waits"
ub bpftool link show >"$T/links" 2>&1
for kind in perf_event kprobe_multi tracing raw_tracepoint; do
	grep -q " $kind  *prog " "$T/links" || fail "no $kind among $(cat "$T/links")"
done
ub bpftool perf show >"$T/perf" 2>&1
for text in 'kprobe  func bpf_fentry_test1  offset 0' 'uprobe  filename /proc/self/exe' 'raw_tracepoint  bpf_test_finish'; do
	grep -qF "$text" "$T/perf" || fail "no '$text' in $(cat "$T/perf")"
done
same "who has them" 1 "$(grep -c 'kprobe  func' "$T/perf")"
kill "$(sed -n 's/^ready //p' "$T/waits")"
wait $waits 2>/dev/null

# A process that stands still cannot say that a program left it: nobody else waits for that.
ub sh -c 'echo "stands $$"; exec sleep 60' >"$T/stands" &
wait_for_word stands "$T/stands"
ub "$BUILD/tests/e2e/events" "$OBJ/events.bpf.o" many >"$T/many" 2>&1 &
wait_for_word ready "$T/many"
stands=$(sed -n 's/^stands //p' "$T/stands") client=$(sed -n 's/^ready //p' "$T/many")
kill -STOP "$stands"
kill -KILL "$client"
sleep 0.3
began=$(date +%s%N)
ub true
took=$((($(date +%s%N) - began) / 1000000))
[ "$took" -lt 3000 ] || fail "a new client waited for $took ms"
kill -KILL "$stands"

# files that libraries read
same "a tracepoint's number" "$(ub sed -n 's/^ID: //p' /sys/kernel/tracing/events/syscalls/sys_enter_openat/format)" \
	"$(ub cat /sys/kernel/tracing/events/syscalls/sys_enter_openat/id)"
same "a function to attach to" bpf_fentry_test1 "$(ub grep -x bpf_fentry_test1 /sys/kernel/tracing/available_filter_functions)"
same "its address" 1 "$(ub grep -c ' T __x64_sys_openat$' /proc/kallsyms)"
same "retprobe" config:0 "$(ub cat /sys/bus/event_source/devices/uprobe/format/retprobe)"
same "the machine's own" "$(cat /sys/bus/event_source/devices/software/type)" "$(ub cat /sys/bus/event_source/devices/software/type)"
# formats that did not change for years are the machine's
for event in raw_syscalls/sys_enter raw_syscalls/sys_exit syscalls/sys_enter_openat syscalls/sys_enter_write syscalls/sys_exit_read; do
	[ -r "/sys/kernel/tracing/events/$event/format" ] || continue
	same "$event" "$(grep -v ^ID "/sys/kernel/tracing/events/$event/format")" "$(ub grep -v ^ID "/sys/kernel/tracing/events/$event/format")"
done

# the old way: tracepoints that a client defines
ub sh -c "echo 'p:mine/at_test1 bpf_fentry_test1' >>/sys/kernel/tracing/kprobe_events" || fail "a line of kprobe_events"
same "what is defined" "p:mine/at_test1 bpf_fentry_test1" "$(ub cat /sys/kernel/tracing/kprobe_events)"
same "its number" "$(ub sed -n 's/^ID: //p' /sys/kernel/tracing/events/mine/at_test1/format)" "$(ub cat /sys/kernel/tracing/events/mine/at_test1/id)"
ub sh -c "echo '-:mine/at_test1' >>/sys/kernel/tracing/kprobe_events" || fail "taking it away"
ub test -e /sys/kernel/tracing/events/mine/at_test1 && fail "it is still there"
ub sh -c "echo 'p:syscalls/x bpf_fentry_test1' >>/sys/kernel/tracing/kprobe_events"
[ -e "$BUILD/src/link/tracing/syscalls/x" ] && fail "the installed files were written to"
true
