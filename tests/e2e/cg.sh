# SPDX-License-Identifier: BSD-2-Clause
# cg.sh - sourced after lib.sh by tests that make groups on this machine.
#   $host	a v2 group of the test's own, empty, removed at the end; "" where none can be made
#   $cpu_group	one whose cpu controller is on (v1 or v2); "" likewise
# Only processes that the test started are ever put into a group.
ex=$BUILD/tests/e2e/expose
view=$BUILD/tests/e2e/view

host=
for d in /sys/fs/cgroup/unified /sys/fs/cgroup; do
	[ "$(stat -f -c %t $d 2>/dev/null)" = 63677270 ] && mkdir "$d/userbpf-test.$$" 2>/dev/null && host=$d/userbpf-test.$$ && break
done
cpu_group=
need_cpu_group() {
	[ -e /proc/self/schedstat ] || skip "no /proc/PID/schedstat"
	c=/sys/fs/cgroup/cpu
	[ -e $c/cpu.shares ] || c=${host%/*}
	[ -e "$c/cpu.shares" ] || grep -qw cpu "$c/cgroup.subtree_control" 2>/dev/null || skip "no group has a cpu controller"
	mkdir "$c/userbpf-cpu.$$" || skip "no group can be made in $c"
	cpu_group=$c/userbpf-cpu.$$
}
need_groups() { [ -n "$host" ] || skip "no cgroup v2 of this machine can be written"; }
remove_groups() {
	for d in "$host" "$cpu_group"; do
		[ -z "$d" ] || find "$d" -depth -type d -exec rmdir {} \; 2>/dev/null
	done
}
trap 'remove_groups; cleanup' EXIT

id_of() { stat -c %i "$1"; }
# expose ARGS: as the service's own user
expose() { "$USERBPF" expose --dir "$RT" "$@"; }
# all views of view.bpf.o, pinned as /sys/fs/bpf/v/NAME: "group" shows "id level name" of a group
views() { ub sh -c 'mkdir /sys/fs/bpf/v && "$0" "$1" /sys/fs/bpf/v $$' "$view" "$OBJ/view.bpf.o" >/dev/null || fail "no views"; }
no_views() { ub rm -r /sys/fs/bpf/v; }
# mirror DIR: the tree mounted there; prints where $host is below it
mirror() {
	mkdir -p "$1"
	"$USERBPF" mount --dir "$RT" cgroup "$1" >&2 || fail "mount"
	echo "$1${host#/sys/fs/cgroup}"
}
# end_service: it ends, and what its sanitizer said counts. LEAKS is where it writes.
end_service() {
	pid=$(service_pid)
	"$USERBPF" down --dir "$RT" || fail "the service does not stop"
	started=
	for f in "$T"/sanitizer.*; do
		[ -e "$f" ] && { fail "the service's sanitizer:"; head -30 "$f"; }
	done
}
watch_leaks() { export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}log_path=$T/sanitizer:exitcode=23"; }
