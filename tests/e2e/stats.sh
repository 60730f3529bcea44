#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# stats.sh - BPF_ENABLE_STATS: run_cnt and run_time_ns count while somebody holds the switch; bpftool's probing commands end without a crash.
. "$SRC/tests/e2e/lib.sh"
start
stats=$BUILD/tests/e2e/stats
head -c 64 /dev/zero >"$T/packet"
check "load" ub bpftool prog loadall "$OBJ/plain.bpf.o" /sys/fs/bpf/p
run_p() { ub bpftool prog run pinned /sys/fs/bpf/p/arith data_in "$T/packet" repeat "${1:-1}"; }
shown() { ub bpftool prog show pinned /sys/fs/bpf/p/arith; }
check "run, not counted" run_p 10
shown | grep -q 'run_cnt' && fail "counted without the switch: $(shown)"

# the switch is an fd: it counts until that is closed
ub "$stats" hold "$T/held" "$T/go" &
holder=$!
wait_for 5 test -e "$T/held" || fail "BPF_ENABLE_STATS"
check "run, counted" run_p 100
run_p 7 >/dev/null
shown >"$T/out"
grep -q 'run_cnt 107$\|run_cnt 107 ' "$T/out" || fail "107 runs: $(head -1 "$T/out")"
ns=$(sed -n 's/.*run_time_ns \([0-9]*\) .*/\1/p' "$T/out" | head -1)
[ "${ns:-0}" -gt 0 ] || fail "run_time_ns: $(cat "$T/out")"
[ "${ns:-0}" -lt 1000000000 ] || fail "107 runs of some instructions took $ns ns"
same "JSON" 107 "$(ub bpftool -j prog show pinned /sys/fs/bpf/p/arith | sed -n 's/.*"run_cnt":\([0-9]*\).*/\1/p')"
touch "$T/go"
wait $holder || fail "the holder"
sleep 0.3
check "run after the switch" run_p 5
shown | grep -q 'run_cnt 107' || fail "counted after the switch was closed: $(shown | head -1)"
# iterators run in the service
rm -f "$T/held" "$T/go"
ub "$stats" hold "$T/held" "$T/go" &
holder=$!
wait_for 5 test -e "$T/held"
ub cat /sys/fs/bpf/progs.debug >/dev/null || "$USERBPF" cat --dir "$RT" /sys/fs/bpf/progs.debug >/dev/null
[ "$(ub bpftool -j prog show name dump_bpf_prog | sed -n 's/.*"run_cnt":\([0-9]*\).*/\1/p')" -ge 3 ] || fail "an iterator's runs: $(ub bpftool prog show name dump_bpf_prog)"
touch "$T/go"
wait $holder
same "wrong types" "EINVAL EINVAL" "$(ub "$stats" type 1) $(ub "$stats" type 4096)"
# an fd that was passed on keeps it on; a killed holder turns it off
"$USERBPF" run --dir "$RT" -- "$stats" hold "$T/held2" "$T/never" & # becomes the command
holder=$!
wait_for 5 test -e "$T/held2"
kill -KILL $holder 2>/dev/null
wait $holder 2>/dev/null
sleep 0.5
run_p 5 >/dev/null
shown | grep -q 'run_cnt 107' || fail "counted after the holder was killed: $(shown | head -1)"

# these look at a lot, and find what there is or say that it is not there
probe() { # STATUS-PATTERN CMD...
	want=$1
	shift
	timeout 60 "$USERBPF" run --dir "$RT" -- "$@" >"$T/out" 2>"$T/err"
	status=$?
	case $status in
	$want) ;;
	*) fail "$*: exit $status: $(tail -3 "$T/err")" ;;
	esac
	[ $status -lt 124 ] || fail "$*: exit $status"
}
pid=$(service_pid)
probe 0 bpftool feature probe
grep -q 'eBPF program_type socket_filter is available' "$T/out" || fail "feature probe: $(grep program_type "$T/out" | head -3)"
for t in hash array percpu_hash percpu_array prog_array; do
	grep -q "eBPF map_type $t is available" "$T/out" || fail "feature probe: map type $t: $(grep "map_type $t" "$T/out")"
done
grep -q 'bpf() syscall is available' "$T/out" || fail "feature probe: the system call"
grep -q 'bpf_map_lookup_elem' "$T/out" || fail "feature probe: no helpers"
probe 0 bpftool -j feature probe unprivileged
probe 0 bpftool feature list_builtins helpers
probe '[01]' bpftool prog profile pinned /sys/fs/bpf/p/arith duration 1 cycles
probe '[01]' bpftool net
probe '[01]' bpftool cgroup tree
probe '[01]' bpftool perf
probe '[01]' bpftool struct_ops show
probe 0 bpftool -f prog show
probe 0 bpftool -fj map show
probe 0 bpftool link
probe 0 bpftool btf
probe 0 bpftool version
same "the same service" "$pid" "$(service_pid)"
