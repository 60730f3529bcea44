#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# randprobes.sh - 200 random functions of libc and libcrypto with probes at entry, in the middle and at return, through the service, while programs of
# the distribution work: they say the same as without, and their code is afterwards what the files have. Then probes come and go 20 times a
# second under a busy program with threads, for PROBES_SECONDS (make chaos: 60), and client, program and service are killed meanwhile.
. "$SRC/tests/e2e/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip "x86-64 only"
case $BUILD in *asan*) many=40 ;; *) many=200 ;; esac
PY=/usr/bin/python3
LIBC=$(ldd /bin/bash | sed -n 's/.*=> \(.*libc\.so\.6\) .*/\1/p')
CRYPTO=$(dirname "$LIBC")/libcrypto.so.3
[ -r "$CRYPTO" ] || CRYPTO=/usr/lib/x86_64-linux-gnu/libcrypto.so.3
[ -r "$LIBC" ] && [ -r "$CRYPTO" ] && [ -x $PY ] || skip "no libc.so.6, libcrypto.so.3 or $PY"
RP="$BUILD/tests/e2e/randprobes"
RO="$OBJ/uprobe.bpf.o"
seconds=${PROBES_SECONDS:-6}

# --- what works ---
seq 1 3000 | awk '{ print ($1 * 7919) % 3001, $1 }' >"$T/in"
cat >"$T/work.py" <<'PY'
import decimal, hashlib, json, random, re, struct, subprocess, threading, zlib
random.seed(5)
d = {str(i): [random.random() for _ in range(10)] for i in range(200)}
s = json.dumps(d, sort_keys=True)
print(hashlib.sha256(s.encode()).hexdigest(), hashlib.blake2b(s.encode()).hexdigest(), zlib.crc32(s.encode()), len(re.findall(r"0\.1\d+", s)))
print(subprocess.run(["/bin/echo", "child"], capture_output=True).stdout, decimal.Decimal(2).sqrt(), struct.pack(">d", 1.5))
out = []
def work(n):
	try:
		raise ValueError(n)
	except ValueError as e:
		out.append(hashlib.pbkdf2_hmac("sha256", b"word", bytes([n]), 500).hex())
ts = [threading.Thread(target=work, args=(i,)) for i in range(4)]
for t in ts: t.start()
for t in ts: t.join()
print(sorted(out))
PY
cat >"$T/work" <<'SH'
sort -n "$1/in" | cksum
sort -k2 -r "$1/in" | uniq -c | tail -3
gzip -9 <"$1/in" | gzip -d | cksum
openssl dgst -sha256 -sha512 -md5 "$1/in"
openssl enc -aes-256-cbc -K 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff -iv 00112233445566778899aabbccddeeff -in "$1/in" | cksum
openssl speed -seconds 1 -bytes 1024 sha256 >/dev/null 2>&1; echo $?
openssl prime -checks 20 170141183460469231731687303715884105727
awk '{ s += $1 * sin($2); n[$1 % 7]++ } END { printf "%.6f\n", s; for (i = 0; i < 7; i++) print n[i] }' "$1/in"
/usr/bin/python3 "$1/work.py"
SH
# A program with threads that checks itself: says how often it worked, and "wrong" when something came out otherwise than the first time.
cat >"$T/busy.py" <<'PY'
import hashlib, json, os, sys, threading, time, zlib
data = os.urandom(20000)
text = json.dumps({str(i): i * 1.5 for i in range(300)})
def once():
	h = hashlib.sha256(data)
	h.update(hashlib.sha3_256(data).digest())
	h.update(zlib.compress(data[:2000]))
	h.update(json.dumps(json.loads(text)).encode())
	h.update(hashlib.pbkdf2_hmac("sha1", b"w", b"s", 50))
	h.update(b"%r" % sorted(data[:500]))
	h.update(time.strftime("%c", (1999, 3, 5, 1, 2, 3, 0, 60, 0)).encode())
	return h.digest()
want, rounds, wrong, end = once(), [0] * 4, [], False
def work(n):
	while not end:
		if once() != want:
			wrong.append(n)
		rounds[n] += 1
ts = [threading.Thread(target=work, args=(i,)) for i in range(4)]
for t in ts: t.start()
print("works", flush=True)
for line in sys.stdin:
	before = list(rounds)
	time.sleep(0.2)
	print("wrong" if wrong else "stuck" if before == rounds else "right", sum(rounds), flush=True)
end = True
for t in ts: t.join()
PY
# busy_start: runs it under the service; $busy
busy_start() {
	rm -f "$T/busy.in" "$T/busy.out"
	mkfifo "$T/busy.in"
	"$USERBPF" run --dir "$RT" -- $PY "$T/busy.py" <"$T/busy.in" >"$T/busy.out" 2>"$T/busy.err" &
	busy=$!
	exec 7>"$T/busy.in"
	wait_for 10 grep -q works "$T/busy.out" || fail "the busy program does not start: $(cat "$T/busy.err")"
}
says() { [ "$(wc -l <"$T/busy.out")" -ge "$1" ]; }
# busy_check WHEN: it works, and right
busy_check() {
	n=$(wc -l <"$T/busy.out")
	echo check >&7
	wait_for 10 says $((n + 1)) || fail "$1: the busy program does not answer"
	expr "$(tail -1 "$T/busy.out")" : right >/dev/null || fail "$1: $(tail -1 "$T/busy.out")"
}
# Every executable mapping of the process is as its file has it.
code_is_clean() {
	$PY - "$1" <<'PY'
import sys
mem = open(f"/proc/{sys.argv[1]}/mem", "rb")
for line in open(f"/proc/{sys.argv[1]}/maps"):
	f = line.split()
	if "x" not in f[1] or len(f) < 6 or not f[5].startswith("/"): continue
	a, b = (int(x, 16) for x in f[0].split("-"))
	mem.seek(a)
	with open(f[5], "rb") as file:
		file.seek(int(f[2], 16))
		want = file.read(b - a)
	if mem.read(b - a)[:len(want)] != want: sys.exit(f"{f[5]} differs")
PY
}
# probes_start SEED N: attaches; ask: "ENTRY MIDDLE RETURN"
probes_start() {
	rm -f "$T/p.in" "$T/p.out"
	mkfifo "$T/p.in"
	"$USERBPF" run --dir "$RT" -- "$RP" "$RO" "$1" "$2" "$LIBC" "$CRYPTO" <"$T/p.in" >"$T/p.out" 2>"$T/p.err" &
	probes=$!
	exec 8>"$T/p.in"
	wait_for 60 grep -q attached "$T/p.out" || fail "probes are not attached: $(cat "$T/p.err")"
}
answers() { [ "$(wc -l <"$T/p.out")" -ge "$1" ]; }
ask() {
	n=$(wc -l <"$T/p.out")
	echo any >&8
	wait_for 10 answers $((n + 1)) || fail "the client does not answer"
	tail -1 "$T/p.out"
}

start
sh "$T/work" "$T" >"$T/plain" 2>&1
busy_start
code_is_clean $busy >"$T/clean" 2>&1 || skip "code differs from its files: $(cat "$T/clean")"
seed=${PROBES_SEED:-1}
probes_start "$seed" $many
attached=$(sed -n 's/attached \([0-9]*\) of .*/\1/p' "$T/p.out")
[ "$attached" -ge $((many * 5 / 2)) ] || fail "only $(cat "$T/p.out")"
"$USERBPF" run --dir "$RT" -- sh "$T/work" "$T" >"$T/probed" 2>&1
cmp -s "$T/plain" "$T/probed" || { fail "programs say something else with probes (seed $seed)"; diff "$T/plain" "$T/probed" | head -10; }
busy_check "with probes"
hits=$(ask)
for n in $hits; do
	[ "$n" -gt 0 ] || fail "no hits of some kind: $hits"
done
exec 8>&-
wait $probes || fail "the client ends with $?"
wait_for 5 code_is_clean $busy || fail "code is not what it was: $(code_is_clean $busy 2>&1)"
busy_check "after probes"
echo "$attached probes; hits at entry, in the middle, at return: $hits"

# --- they come and go ---
clients=
for i in 1 2 3; do
	"$USERBPF" run --dir "$RT" -- "$RP" "$RO" "$((seed + i))" 1 "-$seconds" "$LIBC" "$CRYPTO" >"$T/cycles.$i" 2>&1 &
	clients="$clients $!"
done
for c in $clients; do
	wait $c || fail "a client of cycles ends with $?"
done
awk '{ c += $1; p += $6; s = $4 } END { printf "%d times, %d probes came and went in %.1f s: %.1f cycles a second\n", c, p, s, c / s }' "$T"/cycles.*
busy_check "after cycles"
wait_for 5 code_is_clean $busy || fail "code is not what it was after cycles: $(code_is_clean $busy 2>&1)"

# --- somebody is killed: nobody waits for him, and nothing stays ---
"$USERBPF" run --dir "$RT" -- "$RP" "$RO" "$((seed + 2))" 2 -60 "$LIBC" "$CRYPTO" >/dev/null 2>&1 &
client=$!
sleep 1
kill -9 $client
wait_for 5 code_is_clean $busy || fail "code is not what it was after kill -9 of the client: $(code_is_clean $busy 2>&1)"
busy_check "after kill -9 of the client"
probes_start "$((seed + 3))" 20
"$USERBPF" run --dir "$RT" -- $PY -c 'import time; print(1, flush=True); time.sleep(60)' >"$T/victim" &
victim=$!
wait_for 10 grep -q 1 "$T/victim"
kill -9 $victim
ask >/dev/null
exec 8>&-
wait $probes || fail "the client of a killed program ends with $?"
"$USERBPF" run --dir "$RT" -- "$RP" "$RO" "$((seed + 4))" 2 -60 "$LIBC" "$CRYPTO" >/dev/null 2>&1 &
client=$!
sleep 1
kill -9 "$(service_pid)"
started=
wait_for 5 code_is_clean $busy || fail "code is not what it was after kill -9 of the service: $(code_is_clean $busy 2>&1)"
busy_check "after kill -9 of the service"
kill -9 $client
exec 7>&-
wait $busy || fail "the busy program ends with $?: $(tail -3 "$T/busy.err")"
