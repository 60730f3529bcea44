#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# attach.sh - `userbpf attach`: the agent comes into running programs of others, which notice nothing, and goes with the service.
. "$SRC/tests/e2e/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip "x86-64 only"
grep -q '^TracerPid:[[:space:]]*0$' /proc/self/status || skip "somebody traces us"

agents() { cat /proc/"$1"/task/*/comm 2>/dev/null | grep -c '^userbpf-agent$'; }
has_agents() { [ "$(agents "$1")" = "$2" ]; }

start
"$BUILD/tests/e2e/blocked" 150 3 >"$T/blocked" &
blocked=$!
sleep 60 &
sleeper=$!
python3 -c '
import threading, time, sys
def spin():
	n = 0
	while time.time() < end:
		n += len(str(n))
end = time.time() + 4
ts = [threading.Thread(target=spin) for i in range(3)]
for t in ts: t.start()
for t in ts: t.join()
time.sleep(60)
' &
python=$!
bash -c 'while :; do read -r x < <(echo 1); done' &
bash=$!
wait_for 5 grep -q ready "$T/blocked"
runs() { [ "$(cat "/proc/$1/comm")" = "$2" ]; }
wait_for 5 runs $sleeper sleep && wait_for 5 runs $python python3 && wait_for 5 runs $bash bash
"$USERBPF" attach --dir "$RT" $sleeper || { kill $sleeper $python $bash $blocked; skip "nobody may be traced here"; }
check "python3 with threads" "$USERBPF" attach --dir "$RT" $python
check "bash" "$USERBPF" attach --dir "$RT" $bash
for p in $sleeper $python $bash; do
	same "an agent in $(cat /proc/$p/comm)" 1 "$(agents $p)"
done
check "a second time" "$USERBPF" attach --dir "$RT" $sleeper
same "still one" 1 "$(agents $sleeper)"
"$USERBPF" status --dir "$RT" --json >"$T/status"
grep -q "\"process\":$sleeper,\"agent\":true" "$T/status" || fail "status does not show it"

# Whoever waits in a system call goes on waiting: an agent comes, by a thread that is borrowed, and goes with its service, again and again.
rounds=0
while kill -0 $blocked 2>/dev/null; do
	"$USERBPF" up --dir "$T/rt2" || { fail "second service"; break; }
	"$USERBPF" attach --dir "$T/rt2" $blocked 2>"$T/err" && rounds=$((rounds + 1))
	"$USERBPF" down --dir "$T/rt2"
done
[ $rounds -ge 3 ] || fail "only $rounds rounds: $(cat "$T/err")"
wait $blocked || { fail "a call of blocked.c ended early"; cat "$T/blocked"; }
grep -q done "$T/blocked" || fail "blocked.c does not finish"

# What cannot be entered.
"$USERBPF" attach --dir "$RT" 999999999 2>"$T/err" && fail "no such process"
grep -q "no such process" "$T/err" || fail "says: $(cat "$T/err")"
if [ -x "$BUILD/tests/e2e/blocked_static" ]; then
	"$BUILD/tests/e2e/blocked_static" 3000 1 >/dev/null &
	static=$!
	sleep 0.2
	"$USERBPF" attach --dir "$RT" $static 2>"$T/err" && fail "a static binary"
	grep -q "no libc.so.6" "$T/err" || fail "static: says $(cat "$T/err")"
	kill $static
fi

for p in $sleeper $python $bash; do
	wait_for 5 has_agents $p 1 || fail "the agent in $p is gone: $(cat /proc/$p/task/*/comm | tr '\n' ' ')" # a list of threads has gaps while some end
done
# Programs that make only one call after the other: at one that no allocator makes they are entered, else the answer is no, soon.
yes >/dev/null &
busy=$!
python3 -c '
import mmap, os
os.write(1, b"maps\n")
while True:
	mmap.mmap(-1, 4096).close()' >"$T/allocator" &
allocator=$!
wait_for 5 runs $busy yes && wait_for 5 grep -q maps "$T/allocator"
check "who only writes" timeout 20 "$USERBPF" attach --dir "$RT" $busy
timeout 20 "$USERBPF" attach --dir "$RT" $allocator 2>"$T/err" && fail "a program that only maps memory"
grep -q "try again" "$T/err" || fail "never calm: says $(cat "$T/err")"
kill -0 $allocator || fail "who is never calm died"
kill $busy $allocator
# who is just starting: the dynamic linker is at work for a while
libs=$(find /usr/lib/x86_64-linux-gnu -maxdepth 1 \( -name 'libcrypto.so.3' -o -name 'libssl.so.3' -o -name 'libstdc++.so.6' -o -name 'libxml2.so.2' \) | tr '\n' ' ')
for i in 1 2 3 4 5 6; do
	LD_BIND_NOW=1 LD_PRELOAD=$libs sleep 60 &
	starting=$!
	wait_for 5 runs $starting sleep
	check "who is just starting" timeout 20 "$USERBPF" attach --dir "$RT" $starting
	runs $starting sleep || fail "who was just starting died"
	kill $starting
done
# who forbids to be traced
python3 -c '
import ctypes, time
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
print(1, flush=True)
time.sleep(60)' >"$T/closed" &
closed=$!
wait_for 5 grep -q 1 "$T/closed"
if [ "$(id -u)" != 0 ]; then
	timeout 20 "$USERBPF" attach --dir "$RT" $closed 2>"$T/err" && fail "a process that is not dumpable"
	grep -q "may not trace it\|ptrace_scope" "$T/err" || fail "not dumpable: says $(cat "$T/err")"
fi
kill $closed
# A library that takes its time: the answer does not wait for it, and the program goes on when it is done.
if cc=$(command -v cc || command -v gcc); then
	printf '#include <time.h>\nlong userbpf_agent_start(void) { return 0; }\nlong userbpf_agent_attach(const char *p) { return 0; }\nchar userbpf_agent_stack_end[1];\n
		__attribute__((constructor)) static void slow(void) { struct timespec t = {9, 0}; while (nanosleep(&t, &t)); }\n' >"$T/slow.c"
	$cc -shared -fPIC "$T/slow.c" -o "$T/slow.so" || fail "slow.c"
	"$USERBPF" up --dir "$T/rt2" -- --preload off --shim "$T/slow.so" || fail "service with another library"
	sleep 60 &
	slow=$!
	wait_for 5 runs $slow sleep
	timeout 12 "$USERBPF" attach --dir "$T/rt2" $slow 2>"$T/err" && fail "a slow library"
	grep -q "not come to an end" "$T/err" || fail "slow library: says $(cat "$T/err")"
	untraced() { grep -q '^TracerPid:[[:space:]]*0$' "/proc/$slow/status"; }
	untraced && fail "was let go too early"
	"$USERBPF" down --dir "$T/rt2"
	wait_for 10 untraced || fail "is still traced"
	runs $slow sleep || fail "who loaded a slow library died"
	kill $slow
fi

# The service's end, a killed one's too, is the agents' end, and not the programs'.
kill -9 "$(service_pid)"
for p in $sleeper $python $bash; do
	wait_for 5 has_agents $p 0 || fail "the agent in $p stays"
	kill -0 $p || fail "$p died ($sleeper sleep, $python python3, $bash bash)"
done
kill $sleeper $python $bash
started=
