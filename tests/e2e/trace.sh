#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# userbpf trace: every call of a command and its children, with names for numbers and what the fds are.
. "$SRC/tests/e2e/lib.sh"

start
tr_() { "$USERBPF" trace --dir "$RT" -o "$T/out" "$@"; }
has() { grep -qF -- "$1" "$T/out" || fail "no line has: $1"; }

# the service's own commands, with flags by name and a result that says what the fd is
check "map create" tr_ -- bpftool map create /sys/fs/bpf/m type hash key 4 value 8 entries 16 name counts flags 1
has 'bpf(BPF_MAP_CREATE, {map_type=BPF_MAP_TYPE_HASH, key_size=4, value_size=8, max_entries=16, map_flags=BPF_F_NO_PREALLOC, '
grep -q 'map_name="counts".*) = [0-9]*<map [0-9]* counts>$' "$T/out" || fail "the result is not the map"
grep -q '^bpf(BPF_OBJ_PIN, {pathname="/sys/fs/bpf/m", bpf_fd=[0-9]*<map [0-9]* counts>' "$T/out" || fail "no pin of the map"
grep -q '^close([0-9]*<.*counts>)$' "$T/out" || fail "the close of the map is missing"

# element operations, which never reach the service
check "update" tr_ -- bpftool map update pinned /sys/fs/bpf/m key 1 0 0 0 value 2 0 0 0 0 0 0 9
has 'key=[01 00 00 00], value=[02 00 00 00 00 00 00 09], flags=BPF_ANY}, 32) = 0'
check "lookup" tr_ -- bpftool map lookup pinned /sys/fs/bpf/m key 1 0 0 0
grep -q 'BPF_MAP_LOOKUP_ELEM.*key=\[01 00 00 00\], value=\[02 00 00 00 00 00 00 09\].* = 0' "$T/out" || fail "no value of the lookup"
tr_ -- bpftool map lookup pinned /sys/fs/bpf/m key 7 0 0 0 >/dev/null
has ' = -1 ENOENT (No such file or directory)'

# programs: instructions, info structs, a test run
check "load" tr_ -- bpftool prog load "$OBJ/sample.bpf.o" /sys/fs/bpf/p
has 'prog_type=BPF_PROG_TYPE_SOCKET_FILTER'
has 'license="GPL"'
has 'insns=[('
check "show" tr_ -- bpftool prog show pinned /sys/fs/bpf/p
grep -q 'info={prog_type=BPF_PROG_TYPE_SOCKET_FILTER, id=[0-9]*, tag=\[' "$T/out" || fail "no decoded info"
printf 'xxxxxxxxxxxxxxxxxxxx' >"$T/data"
check "run" tr_ -- bpftool prog run pinned /sys/fs/bpf/p data_in "$T/data" repeat 1
grep -q 'BPF_PROG_TEST_RUN, {prog_fd=[0-9]*<prog [0-9]*>, retval=' "$T/out" || fail "no test run"

# children, two at a time, and the exit status of the command
tr_ -- sh -c 'bpftool map show >/dev/null & bpftool prog show >/dev/null; wait; exit 3'
same "exit status" 3 $?
has '[pid '
grep -q 'BPF_MAP_GET_NEXT_ID, {start_id=0, next_id=0 => [0-9]' "$T/out" || fail "no output field"
has BPF_PROG_GET_NEXT_ID

# JSON: one object per line
if command -v python3 >/dev/null; then
	check "json" tr_ --json -v -- bpftool map update pinned /sys/fs/bpf/m key 2 0 0 0 value 1 0 0 0 0 0 0 0
	check "json lines" python3 - "$T/out" <<-'PY'
		import json, sys
		calls = [json.loads(l) for l in open(sys.argv[1])]
		up = [c for c in calls if c["cmd"] == "BPF_MAP_UPDATE_ELEM"]
		assert len(up) == 1 and up[0]["ret"] == 0 and up[0]["attr"]["key"] == "02 00 00 00", up
		assert "map" in up[0]["attr"]["map_fd"]["is"], up
	PY
fi

# many at once: no record is torn
cat >"$T/many" <<'SH'
for i in 1 2 3 4 5 6 7 8; do
	(for j in 1 2 3 4 5; do bpftool prog show >/dev/null; done) &
done
wait
SH
check "many" tr_ -- sh "$T/many"
lines=$(wc -l <"$T/out")
same "whole lines" "$lines" "$(grep -cE '^(\[pid [0-9]+\] )?(bpf\(BPF_[A-Z_]+, \{.*\}, [0-9]+\) = .+|close\(.*\))$' "$T/out")"
same "calls that begin a listing" 40 "$(grep -c 'BPF_PROG_GET_NEXT_ID, {start_id=0,' "$T/out")"

# a command that is not there
"$USERBPF" trace --dir "$RT" -- /nix/command 2>"$T/err"
same "no such command" 127 $?
grep -q '^userbpf: cannot run /nix/command: ' "$T/err" || fail "no word of a command that is not there: $(cat "$T/err")"

# a private service does as well; nothing is left behind
"$USERBPF" trace -o "$T/out" -- bpftool prog show >/dev/null || fail "trace with a service of its own"
has BPF_PROG_GET_NEXT_ID
mkdir "$T/tmp"
TMPDIR=$T/tmp "$USERBPF" trace -o "$T/out" -- bpftool prog show >/dev/null
TMPDIR=$T/tmp "$USERBPF" trace -- sh -c "bpftool prog show; bpftool prog show; bpftool map show; kill -PIPE \$\$; touch $T/alive" 2>&1 >/dev/null | head -c 10 >/dev/null
[ -e "$T/alive" ] && fail "SIGPIPE is ignored in the command"
same "files left" "" "$(ls "$T/tmp")"
exit 0
