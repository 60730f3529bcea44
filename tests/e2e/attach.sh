#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# attach.sh - `userbpf attach`: the agent comes into running programs of others, which notice nothing, and goes with the service.
. "$SRC/tests/e2e/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip "x86-64 only"
[ "$(id -u)" = 0 ] || skip "attaching to processes of others as a user is not ready: the test does not end there"
grep -q '^TracerPid:[[:space:]]*0$' /proc/self/status || skip "somebody traces us"

agents() { cat /proc/"$1"/task/*/comm 2>/dev/null | grep -c '^userbpf-agent$'; }
has_agents() { [ "$(agents "$1")" = "$2" ]; }

start
"$BUILD/tests/e2e/blocked" 150 2 >"$T/blocked" &
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
[ $rounds -ge 5 ] || fail "only $rounds rounds: $(cat "$T/err")"
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
	same "the agent in $p is still there" 1 "$(agents $p)"
done
# The service's end, a killed one's too, is the agents' end, and not the programs'.
kill -9 "$(service_pid)"
for p in $sleeper $python $bash; do
	wait_for 5 has_agents $p 0 || fail "the agent in $p stays"
	kill -0 $p || fail "$p died ($sleeper sleep, $python python3, $bash bash)"
done
kill $sleeper $python $bash
started=
