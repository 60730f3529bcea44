#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# uprobe.sh - uprobes, uretprobes, USDT, system calls and samples with unmodified libbpf in programs of the distribution; see uprobe.c.
. "$SRC/tests/e2e/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip "x86-64 only"
LIBC=$(ldd /bin/bash | sed -n 's/.*=> \(.*libc\.so\.6\) .*/\1/p')
[ -r "$LIBC" ] || skip "no libc.so.6"
PY=/usr/bin/python3
[ -x $PY ] || skip "no $PY"
U="$BUILD/tests/e2e/uprobe"
UO="$OBJ/uprobe.bpf.o"

# seen FILE COOKIE FIELD: what the probe with the cookie saw last in the output
seen() { sed -n "s/^$2 .*$3=\([^ ]*\).*/\1/p" "$1" | tail -1; }
# A target that does what it is told by lines, and says so.
cat >"$T/target.py" <<'PY'
import ctypes, os, sys, threading, time
libc = ctypes.CDLL(None)
def many(n):
	for i in range(n):
		libc.getppid()
for line in sys.stdin:
	cmd, *args = line.split()
	if cmd == "getppid":
		many(int(args[0]))
	elif cmd == "threads":
		ts = [threading.Thread(target=many, args=(int(args[1]),)) for i in range(int(args[0]))]
		for t in ts: t.start()
		for t in ts: t.join()
	elif cmd == "fork":
		pid = os.fork()
		if not pid:
			many(int(args[0]))
			os._exit(0)
		os.waitpid(pid, 0)
	elif cmd == "write":
		for i in range(int(args[0])):
			os.write(dn, b"x" * 7)
	elif cmd == "open":
		dn = os.open("/dev/null", os.O_WRONLY)
	elif cmd == "load":
		ctypes.CDLL(args[0])
	elif cmd == "version":
		ctypes.CDLL("libcrypto.so.3").OpenSSL_version_num()
	elif cmd == "spin":
		t = time.process_time()
		while time.process_time() - t < float(args[0]): pass
	print("done", flush=True)
PY
# target_start NAME: runs it under the service; $pid
target_start() {
	mkfifo "$T/$1.in"
	"$USERBPF" run --dir "$RT" -- $PY "$T/target.py" <"$T/$1.in" >"$T/$1.out" &
	pid=$!
	exec 7>"$T/$1.in"
	tell open
}
# tell CMD ARG...: and wait until it is done
tell() {
	n=$(wc -l <"$T/t.out")
	echo "$@" >&7
	wait_for 20 lines "$T/t.out" $((n + 1)) || fail "the target does not do: $*"
}
lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }
# client_start PROBE...: attaches; ask: its report is in $T/c.out
client_start() {
	rm -f "$T/c.in" "$T/c.out" # of the client before
	mkfifo "$T/c.in"
	"$USERBPF" run --dir "$RT" -- "$U" "$UO" "$@" - <"$T/c.in" >"$T/c.out" 2>"$T/c.err" &
	client=$!
	exec 8>"$T/c.in"
	wait_for 20 grep -q attached "$T/c.out" || { fail "attach $*"; cat "$T/c.err"; }
}
ask() {
	n=$(grep -c '^\.$' "$T/c.out")
	echo any >&8
	wait_for 10 dots $((n + 1)) || fail "the client does not answer"
}
dots() { [ "$(grep -c '^\.$' "$T/c.out")" -ge "$1" ]; }
client_stop() {
	exec 8>&-
	wait $client
}
# Every executable mapping of the process is as its file has it.
code_is_clean() {
	$PY - "$1" <<'PY'
import sys, os
pid = sys.argv[1]
mem = open(f"/proc/{pid}/mem", "rb")
bad = 0
for line in open(f"/proc/{pid}/maps"):
	f = line.split()
	if "x" not in f[1] or len(f) < 6 or not f[5].startswith("/"): continue
	a, b = (int(x, 16) for x in f[0].split("-"))
	mem.seek(a)
	with open(f[5], "rb") as file:
		file.seek(int(f[2], 16))
		want = file.read(b - a)
	got = mem.read(b - a)[:len(want)]
	if got != want:
		i = next(i for i in range(len(want)) if got[i] != want[i])
		print(f"{f[5]}+{int(f[2], 16) + i:#x}: {got[i:i+8].hex()} instead of {want[i:i+8].hex()}")
		bad = 1
sys.exit(bad)
PY
}

start
: >"$T/t.out"
target_start t
comm=$(cat /proc/$pid/comm)
code_is_clean $pid >"$T/clean" || skip "code of $comm differs from its files: $(cat "$T/clean")"

# --- arguments, results, cookies; one process only ---
client_start u,101,$pid,$LIBC,getppid r,102,$pid,$LIBC,getppid u,103,$pid,$LIBC,write r,104,$pid,$LIBC,write u,$((1 << 40)),$pid,$LIBC,getppid
tell getppid 100
tell write 5
tell threads 4 50
ask
for c in 101 102 $((1 << 40)); do
	same "cookie $c: calls of getppid()" 300 "$(seen "$T/c.out" $c hits)"
	same "cookie $c: process" $pid "$(seen "$T/c.out" $c pid)"
done
same "what getppid() returns" "$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$pid/status)" "$(seen "$T/c.out" 102 ret)"
[ "$(seen "$T/c.out" 103 hits)" -ge 5 ] || fail "calls of write(): $(seen "$T/c.out" 103 hits)"
same "write() returns as often" "$(seen "$T/c.out" 103 hits)" "$(seen "$T/c.out" 104 hits)"
# a child of the process is another one
tell fork 10
ask
same "a pid's child is not its business" 300 "$(seen "$T/c.out" 101 hits)"
cp "$T/c.out" "$T/c.first"
"$USERBPF" status --dir "$RT" >"$T/status"
client_stop
wait_for 5 code_is_clean $pid || fail "code is not what it was after detaching"
tell getppid 10

# --- everybody, children too; a library that is loaded later ---
CRYPTO=$(dirname "$LIBC")/libcrypto.so.3
[ -r "$CRYPTO" ] || CRYPTO=/usr/lib/x86_64-linux-gnu/libcrypto.so.3
client_start u,1,0,$LIBC,getppid u,2,0,$CRYPTO,OpenSSL_version_num r,3,0,$CRYPTO,OpenSSL_version_num
tell fork 10
ask
same "a child's calls" 10 "$(seen "$T/c.out" 1 hits)"
grep -q libcrypto /proc/$pid/maps && fail "libcrypto is loaded already"
tell version
tell version
ask
same "calls in a library loaded later" 2 "$(seen "$T/c.out" 2 hits)"
same "and returns" 2 "$(seen "$T/c.out" 3 hits)"
# a process that starts now has them from the first instruction of its main()
before=$(seen "$T/c.out" 1 hits)
"$USERBPF" run --dir "$RT" -- $PY -c 'import os; os.getppid(); os.getppid()'
ask
same "a process that starts now" $((before + 2)) "$(seen "$T/c.out" 1 hits)"
# the target's death is nothing to the client, and the client's (by force) is the end of the probes
kill -9 $client
wait_for 5 code_is_clean $pid || fail "code stays patched after kill -9 of the client"
exec 8>&-
tell getppid 10

# --- USDT: semaphores count in every process that maps the file ---
PROBE=$(readelf -n "$(readlink -f $PY)" 2>/dev/null | sed -n '/Provider: python/{n;s/.*Name: \(line\)$/\1/p}' | head -1)
sem=$(readelf -n "$(readlink -f $PY)" 2>/dev/null | sed -n '/Name: line$/{n;s/.*Semaphore: 0x0*\([0-9a-f]*\).*/\1/p}' | head -1)
if [ -n "$PROBE" ] && [ -n "$sem" ]; then
	count() {
		$PY - "$1" "$sem" <<'PY'
import sys, os, struct
pid, sem = sys.argv[1], int(sys.argv[2], 16)
path = os.path.realpath("/usr/bin/python3")
e = open(path, "rb").read(64)
base = 0
if e[16] == 3: # ET_DYN
	base = min(int(l.split("-")[0], 16) for l in open(f"/proc/{pid}/maps") if path in l)
m = open(f"/proc/{pid}/mem", "rb")
m.seek(base + sem)
print(struct.unpack("H", m.read(2))[0])
PY
	}
	sleeper() { # FILE: python3 in another process, its pid in FILE
		"$USERBPF" run --dir "$RT" -- sh -c 'echo $$ >"$0"; exec "$1" -c "import time; print(1, flush=True); time.sleep(100)"' "$1" "$PY" >"$1.out" 7>&- 8>&- &
		wait_for 20 grep -q 1 "$1.out" || fail "python3 does not start"
	}
	sleeper "$T/early"
	early=$(cat "$T/early")
	same "semaphore before" "0 0" "$(count $pid) $(count $early)"
	client_start t,7,0,$PY,python:line
	same "semaphore of one" "1 1" "$(count $pid) $(count $early)"
	sleeper "$T/late"
	late=$(cat "$T/late")
	same "semaphore of one that came later" 1 "$(count $late)"
	first=$client
	"$USERBPF" run --dir "$RT" -- "$U" "$UO" t,8,$pid,$PY,python:line t,9,0,$PY,python:line - </dev/zero >"$T/c2.out" 2>&1 &
	second=$!
	wait_for 20 grep -q attached "$T/c2.out" || fail "second client"
	same "semaphore of three, of which one is for a process" "3 2 2" "$(count $pid) $(count $early) $(count $late)"
	kill -9 $second
	are_one() { [ "$(count $pid) $(count $early) $(count $late)" = "1 1 1" ]; }
	wait_for 5 are_one || fail "kill -9: semaphores are $(count $pid) $(count $early) $(count $late)"
	tell getppid 1
	ask
	[ "$(seen "$T/c.out" 7 hits)" -gt 0 ] || fail "python's lines are not seen"
	same "arguments of the probe" 3 "$(seen "$T/c.out" 7 ret)"
	client_stop
	same "semaphore after" "0 0 0" "$(count $pid) $(count $early) $(count $late)"
	kill $early $late
else
	echo "no USDT probe in $PY: not tried"
fi

# --- system calls ---
client_start e,1,0,syscalls,sys_enter_write x,2,0,syscalls,sys_exit_write k,3,0,-,__x64_sys_write K,4,0,-,__x64_sys_write
tell write 50
ask
for c in 1 2 3 4; do
	[ "$(seen "$T/c.out" $c hits)" -ge 50 ] || fail "system calls, cookie $c: $(seen "$T/c.out" $c hits)"
done
client_stop
wait_for 5 code_is_clean $pid || fail "code is not what it was after system calls"

# --- vector registers are the program's, whatever the programs call ---
mkfifo "$T/v.in"
"$USERBPF" run --dir "$RT" -- "$BUILD/tests/e2e/vectors" <"$T/v.in" >"$T/v.out" &
vectors=$!
exec 9>"$T/v.in"
wait_for 10 grep -q ready "$T/v.out" || fail "vectors does not start"
V="$BUILD/tests/e2e/vectors"
site=$(sed -n 's/ready //p' "$T/v.out")
at=$(nm "$V" | sed -n "s/^0*\([0-9a-f]*\) t $site\$/0x\1/p") # its first segment begins where its file does
vectors_are() {
	n=$(wc -l <"$T/v.out")
	echo any >&9
	wait_for 10 lines "$T/v.out" $((n + 1)) || fail "$1: vectors does not answer"
	same "vector registers: $1" kept "$(tail -1 "$T/v.out")"
}
vectors_are "no probe"
client_start "p,1,$vectors,$V,$at"
vectors_are "a program without helpers"
client_stop
client_start "w,1,$vectors,$V,$at" "w,2,$vectors,$V,callee"
vectors_are "a program without helpers that copies"
client_stop
client_start "u,1,$vectors,$V,$at" "r,2,$vectors,$V,callee" k,3,0,-,__x64_sys_getppid K,4,0,-,__x64_sys_getppid
vectors_are "programs with helpers"
ask
for c in 1 2 3 4; do
	[ "$(seen "$T/c.out" $c hits)" -ge 1000 ] || fail "vectors, cookie $c: $(seen "$T/c.out" $c hits) hits"
done
client_stop
exec 9>&-
wait $vectors || fail "vectors ends with $?"

# --- samples ---
client_start s,5,$pid,task,50
tell spin 2
ask
for i in /proc/$pid/task/*; do echo "$(cat $i/comm) $(cat $i/schedstat)"; done >"$T/threads"; hits=$(seen "$T/c.out" 5 hits)
[ "${hits:-0}" -ge 60 ] && [ "$hits" -le 140 ] || fail "2 s at 50 Hz: $hits samples"
client_stop

# --- the example: one pair of programs for many functions ---
"$USERBPF" run --dir "$RT" -- "$BUILD/examples/calltime/calltime" "$BUILD/examples/calltime/calltime.bpf.o" 3 "$LIBC:getppid" "$LIBC:getpgid" >"$T/calltime" 2>&1 &
example=$!
sleep 1.5
tell getppid 50
wait $example
grep -q 'getppid: 50 calls, ' "$T/calltime" || { fail "calltime"; cat "$T/calltime"; }
grep -q 'getpgid: 0 calls' "$T/calltime" || fail "calltime: another function"

# --- the service's end ---
client_start u,1,0,$LIBC,getppid
tell getppid 3
kill -9 "$(service_pid)"
wait_for 5 code_is_clean $pid || fail "code stays patched without a service"
tell getppid 10
exec 7>&- 8>&-
wait $pid || fail "the target ends with $?"
kill $client 2>/dev/null
started=
