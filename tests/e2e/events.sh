#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# events.sh - programs on functions and tracepoints of the service, attached by unmodified libbpf with cookies, and what bpftool shows of them.
. "$SRC/tests/e2e/lib.sh"
[ -f "$OBJ/events.bpf.o" ] || skip "no events.bpf.o: it needs the service's types"
start
check "libbpf's view" ub "$BUILD/tests/e2e/events" "$OBJ/events.bpf.o"

# what bpftool shows while somebody is attached
ub "$BUILD/tests/e2e/events" "$OBJ/events.bpf.o" wait >"$T/waits" 2>&1 &
waits=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	grep -q ready "$T/waits" && break
	sleep 0.1
done
ub bpftool link show >"$T/links" 2>&1
for kind in perf_event kprobe_multi tracing raw_tracepoint; do
	grep -q " $kind  *prog " "$T/links" || fail "no $kind among $(cat "$T/links")"
done
ub bpftool perf show >"$T/perf" 2>&1
for text in 'kprobe  func bpf_fentry_test1  offset 0' 'uprobe  filename /proc/self/exe' 'raw_tracepoint  bpf_test_finish'; do
	grep -qF "$text" "$T/perf" || fail "no '$text' in $(cat "$T/perf")"
done
same "who has them" 1 "$(grep -c 'kprobe  func' "$T/perf")"
kill $waits
wait $waits 2>/dev/null

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
