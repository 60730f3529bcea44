#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# jit.sh - programs are compiled where they run, never into memory that is writable and executable at once; USERBPF_JIT=0 and --no-jit: not at all.
# What the service compiled is what prog info shows; perf hears of code when it is asked for.
. "$SRC/tests/e2e/lib.sh"
cc=$(command -v cc || command -v gcc) || skip "a C compiler is missing"
start
for app in jit jited jit_lines; do
	$cc -O2 -Wall "$SRC/tests/e2e/$app.c" -o "$T/$app" -lbpf 2>"$T/err" || { fail "$app.c: $(head -5 "$T/err")"; exit 1; }
done
x86=
[ "$(uname -m)" = x86_64 ] && x86=yes
code=10
[ "$x86" ] || code=0
same "compiled" "sum 55, code $code, writable code 0" "$(ub "$T/jit" 2>&1 | tail -5)"
same "USERBPF_JIT=0" "sum 55, code 0, writable code 0" "$(USERBPF_JIT=0 ub "$T/jit" 2>&1 | tail -5)"
same "run --no-jit" "sum 55, code 0, writable code 0" "$("$USERBPF" run --dir "$RT" --no-jit -- "$T/jit" 2>&1 | tail -5)"
[ "$x86" ] || exit 0

# the service, when it has run iterators and views and told about its programs
pid=$("$USERBPF" status --dir "$RT" --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
if [ -e /dev/fuse ]; then
	mkdir "$T/mnt"
	ub sh -c "cat /sys/fs/bpf/progs.debug /sys/fs/bpf/maps.debug" >"$T/out" 2>&1 || fail "iterators: $(head -3 "$T/out")"
	grep -q dump_bpf_map "$T/out" || fail "no iterator ran: $(head -3 "$T/out")"
fi
mkfifo "$T/hold"
ub "$T/jited" "$T/code" <"$T/hold" >"$T/info" 2>&1 &
exec 6>"$T/hold"
wait_for 10 test -s "$T/info"
same "prog info" "functions 2 2, lengths right" "$(cat "$T/info")"
wait_for 10 test -s "$T/code.at"
same "the service's memory" "2 functions, memory right" "$("$T/jited" "$T/code" "$pid")"
exec 6>&-
wait $!
if command -v objdump >/dev/null; then
	objdump -D -b binary -m i386:x86-64 "$T/code" >"$T/dis"
	grep -q 'mov *$0x1267,%eax' "$T/dis" || fail "4711 is not in the code: $(tail -5 "$T/dis")"
fi
ub bpftool prog show | grep -q ' jited [1-9][0-9]*B' || fail "prog show: not jited"
compiled "the service" "$pid"

# lines of the source, as `bpftool prog dump jited` shows them; loops and functions among the programs
for obj in plain helpers heavy; do
	lines=$(ub "$T/jit_lines" "$OBJ/$obj.bpf.o" 2>&1 | tail -5)
	expr "$lines" : 'programs [1-9][0-9]*, functions [1-9][0-9]*, wrong 0$' >/dev/null || fail "lines of $obj: $lines"
done

# profilers; the shell becomes the program, so that its pid is known
export JITDUMPDIR=$T
for kind in map jitdump; do
	USERBPF_PERF=$kind ub sh -c 'echo $$ >"$0"; exec "$1"' "$T/pid" "$T/jit" >"$T/out" 2>&1
	same "USERBPF_PERF=$kind" "writable code 0" "$(sed 's/.*, //' "$T/out")"
	perf_pid=$(cat "$T/pid")
	if [ $kind = map ]; then
		same "functions in perf's map" 10 "$(grep -Ec '^[0-9a-f]+ [0-9a-f]+ bpf_prog_[0-9]+_jit$' "/tmp/perf-$perf_pid.map")"
		rm -f "/tmp/perf-$perf_pid.map"
	else
		same "a jitdump" DTiJ "$(head -c 4 "$T/jit-$perf_pid.dump")"
		same "functions in the jitdump" 10 "$(tr '\0' '\n' <"$T/jit-$perf_pid.dump" | grep -Ec 'bpf_prog_[0-9]+_jit$')"
	fi
done
