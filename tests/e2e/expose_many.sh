#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# expose_many.sh - 2,000 groups and files passed on to all of them, while groups come and go at 100 a second: everybody sees what is theirs, nobody what is
# no more. How long things take is for `make bench` to say; what is printed here is for the log.
. "$SRC/tests/e2e/lib.sh"
. "$SRC/tests/e2e/cg.sh"
need_fuse
need_groups
start
pid=$(service_pid)
ms() {
	before=$(date +%s%N)
	"$@"
	echo $((($(date +%s%N) - before) / 1000000))
}
mkdir "$host/many"
seq -f "$host/many/g%g" 2000 | xargs mkdir
m=$(mirror "$T/mnt1")/many
ub bpftool map create /sys/fs/bpf/m type array key 4 value 4 entries 1 name m
expose --inherit /sys/fs/bpf/m "$host/many/bpf.m" || fail "expose"
views
expose --inherit /sys/fs/bpf/v/group "$host/many/bpf.v" || fail "expose a view"
same "a view in each" "2001 2001" "$(find "$m" -name bpf.v | xargs cat | sort -u | wc -l) $(find "$m" -name bpf.v | wc -l)"
stat -c '%i 2 %n' "$host"/many/g* | sed "s|$host/many/||" | sort >"$T/want"
same "each its own" "" "$(cat "$m"/g*/bpf.v | sed 's/ [0-9]* g/ 2 g/' | sort | diff - "$T/want" | head -3)"
echo "cat of all 2,001: $(ms sh -c 'find "$0" -name bpf.v | xargs cat >/dev/null' "$m") ms, of 200: \
$(ms sh -c 'cat "$0"/g1[0-9][0-9]/bpf.v "$0"/g2[0-9][0-9]/bpf.v >/dev/null' "$m") ms; one: $("$ex" bench 300 "$m/g77/bpf.v") us (best, mean)"
fds=$(service_fds "$pid")
"$ex" churn "${CHURN_SECONDS:-5}" "$host/many" "$m" bpf.v >"$T/out" || fail "groups that come and go:"
cat "$T/out"
same "the service goes on" "$pid" "$(service_pid)"
back() { [ "$(service_fds "$pid")" -le "$fds" ]; }
wait_for 5 back || fail "the service's fds: $fds before, $(service_fds "$pid") after"
same "files" 4002 "$(find "$m" -type f | wc -l)"
no_views
same "files without views" 2001 "$(find "$m" -type f | wc -l)"
umount "$T/mnt1"
ub rm /sys/fs/bpf/m
end_service
