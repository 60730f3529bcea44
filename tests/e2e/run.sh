#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# run.sh - what `userbpf run` owes its command and what up, down and the service's death owe everybody.
. "$SRC/tests/e2e/lib.sh"
u=$USERBPF
export TMPDIR="$T/tmp" # where private services live
mkdir "$T/tmp"
# A runtime directory without a service: each `run` there has its own, in a directory made for it, as when nobody said --dir.
run() { env USERBPF_SOCKET="$T/none/sock" "$USERBPF" run -- "$@"; }
status_of() { "$@" >/dev/null 2>&1; echo $?; }
dead() { # a zombie is: not every process 1 cares
	case "$(sed -n 's/^State:[^A-Z]*//p' "/proc/$1/status" 2>/dev/null)" in '' | Z*) ;; *) return 1 ;; esac
}

both() { # the cases that hold with and without a running service; $1: how to run; $2, $3: the same as environment and options
	r=$1
	for s in 0 1 3 126 255; do
		same "$r: exit status" $s "$(status_of $r sh -c "exit $s")"
	done
	same "$r: no such command" 127 "$(status_of $r /nonexistent/command)"
	same "$r: no program" 126 "$(status_of $r /etc/passwd)"
	same "$r: one line for no such command" 1 "$($r /nonexistent/command 2>&1 | wc -l)"
	same "$r: death by a signal" 137 "$(status_of $r sh -c 'kill -KILL $$')"
	same "$r: arguments" "[a b][][--dir][-v][*][\$x]" "$($r printf '[%s]' 'a b' '' --dir -v '*' '$x')"
	same "$r: environment" "two words" "$(E2E_X='two words' $r sh -c 'echo "$E2E_X"')"
	same "$r: stdin" "line" "$(echo line | $r cat)"
	same "$r: a pipe in bytes" 1048576 "$(head -c 1048576 /dev/zero | $r cat | wc -c)"
	same "$r: stderr" "err" "$($r sh -c 'echo err >&2' 2>&1 >/dev/null)"
	same "$r: working directory" "$T" "$(cd "$T" && $r pwd)"
	same "$r: no fds of ours" "$(ls /proc/self/fd | wc -l)" "$($r ls /proc/self/fd | wc -l)"
	for closed in '<&-' '>&-' '<&- >&- 2>&-'; do
		eval "$r true $closed"
		same "$r: closed $closed" 0 "$?"
	done
	same "$r: umask" "0027" "$(umask 027; $r sh -c umask)"
	same "$r: signal mask and ignored signals" "$(grep '^Sig[BI]' /proc/self/status)" "$($r grep '^Sig[BI]' /proc/self/status)"
	# SIGTERM to userbpf reaches the command, whose own status is passed on
	env $2 "$USERBPF" run $3 -- sh -c 'trap "exit 42" TERM; echo up >"$1"; while :; do sleep 0.05; done' sh "$T/up.$$" &
	pid=$!
	wait_for 5 test -e "$T/up.$$" || fail "$r: the command does not start"
	kill -TERM $pid
	wait $pid
	same "$r: SIGTERM" 42 "$?"
	rm -f "$T/up.$$"
	# nested
	same "$r: nested" "$(printf 'deep\n5')" "$($r "$u" run sh -c 'echo deep; exit 5' | xargs; $r "$u" run sh -c 'exit 5' || echo $?)"
	same "$r: nested twice sees the same objects" "m1" \
		"$($r sh -c 'bpftool map create /sys/fs/bpf/nest type array key 4 value 4 entries 1 name m1 &&
			"$1" run -- "$1" run -- bpftool map show pinned /sys/fs/bpf/nest' sh "$u" 2>&1 | sed -n 's/.*name \([^ ]*\) .*/\1/p')"
}
both run USERBPF_SOCKET="$T/none/sock" "" >"$T/both" 2>&1
sed 's/^FAIL: run/FAIL: private service/' "$T/both"
failures=$((failures + $(grep -c '^FAIL' "$T/both")))
same "private directories left" "" "$(ls "$T/tmp")"

# a private service goes with its command, however userbpf ends
USERBPF_SOCKET=$T/none/sock "$u" run -- sleep 100 &
pid=$!
has_service() { [ -S "$(echo "$T"/tmp/userbpf-run-*/sock)" ]; }
wait_for 5 has_service || fail "no private service"
daemon=$(cat "$T"/tmp/userbpf-run-*/pid 2>/dev/null)
kill -TERM $pid
wait $pid
same "sleep ended by SIGTERM" 143 "$?"
wait_for 3 dead "$daemon" || fail "the private service outlives its command"
same "its directory" "" "$(ls "$T/tmp")"
USERBPF_SOCKET=$T/none/sock "$u" run -- sleep 100 &
pid=$!
wait_for 5 has_service || fail "no private service"
daemon=$(cat "$T"/tmp/userbpf-run-*/pid 2>/dev/null)
child=$(cat /proc/$pid/task/$pid/children | xargs -n1 | grep -vx "$daemon" | head -1)
kill -KILL $pid
wait $pid 2>/dev/null
wait_for 3 dead "$daemon" || fail "the private service outlives a killed userbpf"
[ -z "$child" ] || kill "$child" 2>/dev/null
rm -rf "$T/tmp"/*

# the kernel's own bpf(2) is closed to programs that miss the shim
if ${CC:-cc} -static -D_GNU_SOURCE -o "$T/fsop" "$SRC/tests/e2e/fsop.c" 2>/dev/null; then
	for cmd in 0 5 11 18 28; do
		same "static program, bpf($cmd)" ENOSYS "$(run "$T/fsop" bpf $cmd)"
	done
else
	echo "no static libc: not tried"
fi
same "dynamic program, BPF_MAP_CREATE of nothing" EINVAL "$(run "$BUILD/tests/e2e/fsop" bpf 0)"
same "without LD_PRELOAD" ENOSYS "$(run env -u LD_PRELOAD "$BUILD/tests/e2e/fsop" bpf 0)"

# usage errors: 2 and one line; what fails: 1 and one line
for args in "" "frobnicate" "run" "run --frobnicate x" "run --dir" "up --frobnicate" "down x" "status x" "mount" "mount bpffs" "umount" "umount a b" "cat" "rm" "help frobnicate"; do
	same "userbpf $args: status" 2 "$(status_of "$u" $args)"
	[ -z "$args" ] || same "userbpf $args: lines" 1 "$("$u" $args 2>&1 | wc -l)"
done
for args in "status" "down" "cat /x" "ls" "rm /x" "mount bpffs $T"; do
	set -- $args
	c=$1
	shift
	same "userbpf $c without a service: status" 1 "$(status_of "$u" "$c" --dir "$T/none" "$@")"
	same "userbpf $c without a service: lines" 1 "$("$u" "$c" --dir "$T/none" "$@" 2>&1 | wc -l)"
done
for args in help "help run" --help "run --help" version --version "version --json"; do
	same "userbpf $args: status" 0 "$(status_of "$u" $args)"
	same "userbpf $args: stderr" "" "$("$u" $args 2>&1 >/dev/null)"
done
same "up with a wrong option: status" 1 "$(status_of "$u" up --dir "$T/bad" -- --frobnicate)"
"$u" up --dir "$T/bad" -- --frobnicate 2>"$T/err"
grep -q 'frobnicate' "$T/err" || fail "up with a wrong option says: $(cat "$T/err")"
mkdir -m 777 "$T/open"
chmod 777 "$T/open"
same "up in a directory others may write" 1 "$(status_of "$u" up --dir "$T/open")"

# a running service is shared
start
same "up again: status" 1 "$(status_of "$u" up --dir "$RT")"
both ub E2E=1 "--dir $RT" >"$T/both" 2>&1
cat "$T/both"
failures=$((failures + $(grep -c '^FAIL' "$T/both")))
pid=$(service_pid)
ub sh -c 'bpftool map create /sys/fs/bpf/s1 type array key 4 value 4 entries 1 name s1; touch "$1/1"; while [ ! -e "$1/2" ]; do sleep 0.02; done; bpftool map show name s2' sh "$T" >"$T/out1" &
one=$!
wait_for 5 test -e "$T/1"
ub sh -c 'bpftool map create /sys/fs/bpf/s2 type array key 4 value 4 entries 1 name s2; bpftool map show name s1; touch "$1/2"' sh "$T" >"$T/out2"
wait $one
grep -q 's1' "$T/out2" && grep -q s2 "$T/out1" || fail "two runs do not share the service"
same "plain files are shared" "s1 s2" "$(ub ls /sys/fs/bpf | grep '^s[12]$' | xargs)"

# a command that gave up root is a stranger to the service
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && setpriv --reuid 1000 --clear-groups test -x "$USERBPF"; then
	same "another user's bpf(2)" EPERM "$(ub setpriv --reuid 1000 --clear-groups "$BUILD/tests/e2e/fsop" bpf 11)"
fi

# 20 clients at once
i=0
while [ $i -lt 20 ]; do
	ub sh -c 'bpftool map create /sys/fs/bpf/c$1 type hash key 4 value 8 entries 2 name c$1 && bpftool map update pinned /sys/fs/bpf/c$1 key 1 0 0 0 value 1 2 3 4 5 6 7 8 &&
		bpftool map dump pinned /sys/fs/bpf/c$1 | grep -q "Found 1 element" && rm /sys/fs/bpf/c$1 && echo ok' sh $i >"$T/c$i" 2>&1 &
	i=$((i + 1))
done
wait
same "20 clients" 20 "$(cat "$T"/c[0-9]* | grep -cx ok)"

# the service is killed under its clients: an errno, no hang; then `up` works
cat >"$T/use" <<'Y'
bpftool map create /sys/fs/bpf/k type hash key 4 value 8 entries 2 name k 2>/dev/null # one of them does
touch "$1/using.$2"
for i in $(seq 2000); do
	bpftool map show pinned /sys/fs/bpf/k >/dev/null 2>"$1/said.$2" || break
	cat /sys/fs/bpf/progs.debug >/dev/null 2>>"$1/said.$2" || break
done
Y
for i in 1 2 3; do
	timeout 20 "$u" run --dir "$RT" -- sh "$T/use" "$T" $i &
	eval "p$i=\$!"
	wait_for 5 test -e "$T/using.$i" || fail "client $i does not start"
done
kill -KILL "$pid"
for i in 1 2 3; do
	eval "wait \$p$i"
	[ $? = 124 ] && fail "client $i hangs after the service's death"
	[ -s "$T/said.$i" ] || fail "client $i got no error"
done
same "status after the crash" 1 "$(status_of timeout 10 "$u" status --dir "$RT")"
check "run after the crash" timeout 10 "$u" run --dir "$RT" -- bpftool prog show
check "up after the crash" timeout 10 "$u" up --dir "$RT"
check "bpf(2) after the crash" ub bpftool map create /sys/fs/bpf/k type array key 4 value 4 entries 1 name k
same "files after the crash" "k maps.debug progs.debug" "$(ub ls /sys/fs/bpf | xargs)"

# down: process, directory, mounts
pid=$(service_pid)
if [ "$(id -u)" = 0 ] && [ -w /dev/fuse ]; then
	mkdir "$T/mnt1"
	check "mount" "$u" mount --dir "$RT" bpffs "$T/mnt1"
	exec 7<"$T/mnt1/progs.debug"
fi
timeout 30 "$u" run --dir "$RT" -- sh -c 'sleep 1; ls /sys/fs/bpf; bpftool prog show; sleep 100' >/dev/null 2>&1 &
long=$!
sleep 0.3
check "down" timeout 10 "$u" down --dir "$RT"
exec 7<&-
wait_for 2 dead "$pid" || fail "down leaves the service"
[ -e "$RT" ] && fail "down leaves $RT: $(ls -A "$RT")"
mountpoint -q "$T/mnt1" 2>/dev/null && fail "down leaves a mount"
grep -q "$T/mnt1" /proc/mounts && { fail "down leaves a dead mount"; umount -l "$T/mnt1"; }
kill $long 2>/dev/null
wait $long 2>/dev/null
same "down again: status" 1 "$(status_of "$u" down --dir "$RT")"
check "up after down" "$u" up --dir "$RT"
check "down" "$u" down --dir "$RT"
