#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Programs of the distribution with probes at random places of libc, libcrypto and themselves (everywhere.c) say the same as without.
#   usage: programs.sh LIBRARY [SEEDS [PROBES]]
# The library is named by its whole path: a child may run elsewhere.
lib=$(realpath "$1") seeds=${2:-2} nr=${3:-100}
T=$(mktemp -d) && trap 'rm -rf "$T"' EXIT
export PROBES_LOG="$T/log" PROBES_NR=$nr
seq 1 3000 | awk '{ print ($1 * 7919) % 3001, $1 }' >"$T/in"
cat >"$T/w.py" <<'P'
import hashlib, json, re, random, threading, zlib, subprocess, sys, struct, decimal
random.seed(5)
d = {str(i): [random.random() for _ in range(10)] for i in range(200)}
s = json.dumps(d, sort_keys=True)
print(hashlib.sha256(s.encode()).hexdigest(), zlib.crc32(s.encode()), len(re.findall(r'0\.1\d+', s)))
out = []
def work(n):
    x = 0
    for i in range(2000):
        x = (x * 31 + i * n) % 1000003
        try:
            if i % 100 == 0:
                raise ValueError(i)
        except ValueError as e:
            x += e.args[0]
    out.append((n, x))
t = [threading.Thread(target=work, args=(i,)) for i in range(4)]
[x.start() for x in t]; [x.join() for x in t]
print(sorted(out))
print(subprocess.run(['/bin/echo', 'child'], capture_output=True).stdout, decimal.Decimal(2).sqrt(), struct.pack('>d', 1.5))
P
run() { # NAME COMMAND...: as it is, and with each seed
	name=$1
	shift
	command -v "$1" >/dev/null || return 0
	"$@" >"$T/plain" 2>&1 </dev/null || echo "exit $?" >>"$T/plain"
	i=1
	while [ $i -le "$seeds" ]; do
		timeout 120 env LD_PRELOAD="$lib" PROBES_SEED=$i "$@" >"$T/probed" 2>&1 </dev/null || echo "exit $?" >>"$T/probed"
		if ! cmp -s "$T/plain" "$T/probed"; then
			echo "FAIL $name, seed $i"
			diff "$T/plain" "$T/probed" | head -5
			failed=1
		fi
		i=$((i + 1))
	done
}
run sort sort -n "$T/in"
run gzip sh -c "gzip -9 <'$T/in' | gzip -d | cksum"
run openssl-dgst openssl dgst -sha256 -sha512 -md5 "$T/in"
run openssl-enc openssl enc -aes-256-cbc -K 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff -iv 00112233445566778899aabbccddeeff -in "$T/in"
run openssl-prime openssl prime -checks 20 170141183460469231731687303715884105727
run openssl-speed sh -c "openssl speed -seconds 1 -bytes 1024 sha256 >/dev/null 2>&1; echo \$?"
run bash bash -c 'f() { local i; for i in {1..300}; do x=$((x * 3 + i)); done; echo $x; }; f; trap "echo trapped" USR1; kill -USR1 $$; a=(c b a); printf "%s\n" "${a[@]}" | sort; (exit 3); echo $?'
run awk awk '{ s += $1 * sin($2); n[$1 % 7]++ } END { printf "%.6f\n", s; for (i = 0; i < 7; i++) print n[i] }' "$T/in"
run sed sed -E 's/([0-9]+) ([0-9]+)/\2-\1/; /7/d' "$T/in"
run grep grep -cE '^1.*5$' "$T/in"
run perl perl -e '$x = 1; for (1..5000) { $x = ($x * 31 + $_) % 1000003; eval { die "x\n" if $_ % 50 == 0 }; } print "$x\n"; printf "%s\n", join ",", sort { $a <=> $b } map { $_ * 7 % 101 } 1..100'
run tar sh -c "tar cf - -C '$T' in | tar tvf - | wc -l"
run python3 python3 "$T/w.py"
run date date -u -d @1234567890
run find find /usr/share/misc
cat "$T/log" | awk '/ends/ { p += $3; r += $5; t += substr($8, 1) + 0; h += $20; n++ } END { print n " processes, " p " probes, " r " refused" }'
[ -z "$SHOW" ] || cat "$T/log"
exit ${failed:-0}
