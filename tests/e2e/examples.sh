#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# examples.sh - memleak, usdt and profile say what is true of a program whose leaks and times are known, here and, unchanged, on the
# machine's own kernel where it can do that. calltime is in uprobe.sh.
. "$SRC/tests/e2e/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip "x86-64 only"
PY=$(readlink -f /usr/bin/python3)
[ -x "$PY" ] || skip "no python3"
TARGET="$BUILD/tests/e2e/example_target"
EX="$BUILD/examples"
LIBC=$(ldd "$TARGET" | sed -n 's/.*=> \(.*libc\.so\.6\) .*/\1/p')
LIB="$SRC/tests/e2e/flame.py"

# What a user runs can look at itself within one user namespace: one run for all.
if [ "$(id -u)" != 0 ]; then
	"$USERBPF" run -- env ALL_IN_ONE=1 sh "$0"
	exit $?
fi
kernel=
if [ -z "${ALL_IN_ONE-}" ]; then
	kernel_bpf && [ -r /sys/bus/event_source/devices/uprobe/type ] && kernel=1
	start
fi

lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }
# target_start WITH...: $target reads what tell writes
target_start() {
	rm -f "$T/in" "$T/out"
	mkfifo "$T/in"
	"$@" "$TARGET" <"$T/in" >"$T/out" &
	target=$!
	exec 7>"$T/in"
	tell hello
}
tell() {
	n=$(wc -l <"$T/out")
	echo "$@" >&7
	wait_for 30 lines "$T/out" $((n + 1)) || fail "the target does not do: $*"
}
target_stop() {
	exec 7>&-
	wait "$target"
}
# "BYTES BLOCKS FUNCTION CALLER CALLER'S-CALLER" of each place
leaks() { sed -n '/ bytes in .* blocks, /{s/ bytes in / /;s/ blocks.*//;N;N;N;s/\n\t/ /g;s/ ([^ ]*)//g;p}' "$1"; }

cat >"$T/leaks.want" <<'E'
50000 50 leak_malloc leak main
4200 20 leak_calloc leak main
4096 1 leak_realloc leak main
1536 3 leak_aligned leak main
256 1 leak_aligned leak main
E

# check_all WHO WITH...: everything, once under the service and once on the kernel
check_all() {
	who=$1
	shift
	rm -f "$T/leaks" "$T/usdt" # of the round before
	target_start "$@"
	pid=$target

	# memory that is not given back
	"$@" "$EX/memleak/memleak" "$EX/memleak/memleak.bpf.o" "$pid" 3 "$LIBC" >"$T/leaks" 2>&1 &
	client=$!
	wait_for 20 grep -q attached "$T/leaks" || fail "$who: memleak does not attach: $(cat "$T/leaks")"
	tell leak
	wait $client || fail "$who: memleak ends with $?"
	leaks "$T/leaks" >"$T/leaks.got"
	diff "$T/leaks.want" "$T/leaks.got" || { fail "$who: memleak"; cat "$T/leaks"; }

	# where the time goes
	"$@" "$EX/profile/profile" "$EX/profile/profile.bpf.o" 99 6 "$pid" "$T/flame.svg" >"$T/profile" 2>&1 &
	client=$!
	sleep 0.3
	tell burn 1.5
	wait $client || { fail "$who: profile ends with $?"; cat "$T/profile"; }
	"$PY" "$LIB" "$T/flame.svg" example_target heavy 0.75 light 0.25 || fail "$who: profile"
	target_stop

	# probes in programs
	"$@" "$EX/usdt/usdt" "$EX/usdt/usdt.bpf.o" 60 0 "$PY:python:function__return:ssd" "$PY:python:gc__start" >"$T/usdt" 2>&1 &
	client=$!
	wait_for 20 grep -q attached "$T/usdt" || { fail "$who: usdt does not attach"; cat "$T/usdt"; }
	"$@" "$PY" -S -E -c 'import gc
def traced_by_the_test(): gc.collect(1)
traced_by_the_test()' || fail "$who: python3 ends with $?"
	returns=' python3[.0-9]* *[0-9]* python:function__return("<string>", "traced_by_the_test", 2)$'
	wait_for 20 grep -q "$returns" "$T/usdt" || fail "$who: a function's return"
	grep -q ' python:gc__start(1)$' "$T/usdt" || fail "$who: an argument that is a number"
	same "$who: how often it returned" 1 "$(grep -c "$returns" "$T/usdt")"
	kill $client
	wait $client 2>/dev/null
}

if [ -n "${ALL_IN_ONE-}" ]; then
	check_all "as a user" env
	exit 0
fi
check_all here "$USERBPF" run --dir "$RT" --
[ -z "$kernel" ] || check_all "the machine's kernel" env
true
