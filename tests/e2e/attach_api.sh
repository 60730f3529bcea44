#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# attach_api.sh - each of libbpf's functions that attach, with cookies, to programs of the distribution whose calls are known: cookies,
# arguments and results must be right. What the machine's own kernel can do it is asked, too, with the same binary, and must say the same.
. "$SRC/tests/e2e/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip "x86-64 only"
LIBC=$(ldd /bin/bash | sed -n 's/.*=> \(.*libc\.so\.6\) .*/\1/p')
CRYPTO=$(ldd /usr/bin/openssl | sed -n 's/.*=> \(.*libcrypto\.so[.0-9]*\) .*/\1/p')
PY=$(readlink -f /usr/bin/python3)
for f in "$LIBC" "$CRYPTO" "$PY" /usr/bin/openssl /bin/bash; do
	[ -r "$f" ] || skip "no file '$f'"
done
A="$BUILD/tests/e2e/attach_api"
AO="$OBJ/attach_api.bpf.o"
start

# The kernel, where we may ask it. Its uprobes are of the command's process only (-pid): others go on as they are.
kernel= only=
kernel_bpf && [ -r /sys/bus/event_source/devices/uprobe/type ] && [ -r /sys/kernel/tracing/events/syscalls/sys_enter_mkdir/id ] && kernel=1

# What each command finds.
prepare() {
	rm -rf --one-file-system "$T/dir"
	mkdir "$T/dir" "$T/dir/full"
	echo hello >"$T/dir/hello"
	: >"$T/dir/full/one"
	: >"$T/dir/full/two"
	printf '30\n4\n' >"$T/dir/numbers"
	printf '%s\n' 'import os' 'os.mkdir("d1", 0o711)' 'os.rename("d1", "d2")' 'os.rmdir("d2")' \
		'try: os.rmdir("d3")' 'except OSError: pass' 'os.getpgid(1)' 'os.kill(0, 0)' >"$T/dir/calls.py"
	printf '%s\n' 'import gc' 'gc.disable()' 'gc.get_referrers(0)' 'def answer(x):' '	return x' 'def caller():' '	return answer(42)' \
		'caller()' 'gc.collect(1)' >"$T/dir/probes.py"
}
# client COMMAND...: its output that counts is in $T/got
client() {
	prepare
	(cd "$T/dir" && timeout 60 "$@") >"$T/out" 2>"$T/err"
	grep -a '^[0-9]* [^ ]*[( ]' "$T/out" | grep -aE "${only:-.}" >"$T/got"
}
differs() {
	diff "$T/want" "$T/got" >"$T/diff" && return
	fail "$1"
	head -20 "$T/diff"
	head -5 "$T/err"
}
# look WHAT [CLIENT-OPTION...] COMMAND...: what is attached stands in $T/list, what must be seen in $T/want. $only: lines that count
look() {
	what=$1
	shift
	client "$USERBPF" run --dir "$RT" -- "$A" "$AO" "$T/list" "$@"
	differs "$what"
	if [ -z "$kernel" ] || grep -q '^[kf]' "$T/list"; then # not there, most often
		only=
		return
	fi
	sed 's/^\(u[a-z_]*\) /\1-pid /' "$T/list" >"$T/list.pid"
	client "$A" "$AO" "$T/list.pid" "$@"
	differs "$what: the machine's kernel sees something else"
	only=
}

# --- functions of libc, called by coreutils: attach_uprobe_opts() ---
cat >"$T/list" <<E
uprobe 1 dsdsd $LIBC renameat2
uretprobe 2 d $LIBC renameat2
uprobe 3 so $LIBC mkdir
uretprobe 4 d $LIBC mkdir
uprobe 5 s $LIBC opendir
uretprobe 6 _ $LIBC readdir
uretprobe 7 d $LIBC closedir
uprobe 8 dl $LIBC ftruncate
uretprobe 9 d $LIBC ftruncate
uprobe 10 s_d $LIBC strtoimax
uretprobe 0x100000000000000b l $LIBC strtoimax
uprobe 12 s $LIBC rmdir
uretprobe 13 d $LIBC rmdir
uprobe 14 s_ $LIBC strtold
E
cat >"$T/want" <<'E'
1 renameat2(-100, "hello", -100, "moved", 1)
2 renameat2 = 0
E
look "mv" mv -T hello moved
cat >"$T/want" <<'E'
3 mkdir("new", 0750)
4 mkdir = 0
E
look "mkdir" mkdir -m 750 new
cat >"$T/want" <<'E'
5 opendir("full")
6 readdir = _
6 readdir = _
6 readdir = _
6 readdir = _
6 readdir = _
7 closedir = 0
E
look "ls" ls full
cat >"$T/want" <<'E'
8 ftruncate(3, 4321)
9 ftruncate = 0
10 strtoimax("4321", _, 10)
1152921504606846987 strtoimax = 4321
E
look "truncate" truncate -s 4321 hello
cat >"$T/want" <<'E'
10 strtoimax("0x2a", _, 0)
10 strtoimax("-017", _, 0)
1152921504606846987 strtoimax = 42
1152921504606846987 strtoimax = -15
E
look "printf" /usr/bin/printf '%d %d\n' 0x2a -017
cat >"$T/want" <<'E'
12 rmdir("none")
12 rmdir("full/none")
13 rmdir = -1
13 rmdir = -1
E
look "rmdir" rmdir none full/none
cat >"$T/want" <<'E'
14 strtold("30", _)
14 strtold("4", _)
E
look "sort" sort -g numbers

# --- bash, which names what it does ---
cat >"$T/list" <<E
uprobe 1 sd /bin/bash evalexp
uretprobe 2 l /bin/bash evalexp
uprobe 3 s /bin/bash find_function
uprobe 4 s /bin/bash readline
uretprobe 5 s /bin/bash readline
E
cat >"$T/want" <<'E'
1 evalexp("x * 7", 0)
1 evalexp("1 << 40", 0)
2 evalexp = 42
2 evalexp = 1099511627776
3 find_function("f")
3 find_function("f")
3 find_function(":")
E
look "bash" bash -c 'f() { : $((x * 7)); }; x=6; f; x=$((1 << 40))'
cat >"$T/want" <<'E'
5 readline = "x=one two"
5 readline = "exit"
E
only='^5'
look "bash on a terminal" -t 'x=one two
exit
' bash --norc --noprofile -i

# --- libcrypto, in openssl ---
cat >"$T/list" <<E
uprobe 1 __l $CRYPTO EVP_DigestUpdate
uretprobe 2 d $CRYPTO EVP_DigestUpdate
uprobe 3 _d $CRYPTO RAND_bytes
uretprobe 4 d $CRYPTO RAND_bytes
uprobe 5 _s $CRYPTO EVP_MD_fetch
uretprobe 6 s $CRYPTO EVP_MD_get0_name
E
cat >"$T/want" <<'E'
1 EVP_DigestUpdate(_, _, 6)
2 EVP_DigestUpdate = 1
5 EVP_MD_fetch(_, "sha256")
6 EVP_MD_get0_name = "SHA2-256"
E
only='^[1-4]|sha256|SHA2'
look "openssl dgst" openssl dgst -sha256 hello
cat >"$T/want" <<'E'
3 RAND_bytes(_, 4)
4 RAND_bytes = 1
E
only='^[34]'
look "openssl rand" openssl rand -hex 4

# --- many places, one link: uprobe_multi ---
cat >"$T/list" <<E
uprobe_multi 1 so $LIBC mkdir
uprobe_multi 2 ss $LIBC rename
uprobe_multi 3 s $LIBC rmdir
uprobe_multi 4 d $LIBC getpgid
uprobe_multi 5 dd $LIBC kill
uretprobe_multi 11 d $LIBC mkdir
uretprobe_multi 12 d $LIBC rename
uretprobe_multi 13 d $LIBC rmdir
uretprobe_multi 15 d $LIBC kill
E
cat >"$T/want" <<'E'
1 mkdir("d1", 0711)
2 rename("d1", "d2")
3 rmdir("d2")
3 rmdir("d3")
4 getpgid(1)
5 kill(0, 0)
11 mkdir = 0
12 rename = 0
13 rmdir = 0
13 rmdir = -1
15 kill = 0
E
look "uprobe_multi" "$PY" -S -E -B calls.py

# --- attach_usdt() ---
if readelf -n "$PY" 2>/dev/null | grep -q 'Name: function__return'; then
	cat >"$T/list" <<E
usdt 1 ssd $PY python function__return
usdt 2 d $PY python gc__start
usdt 3 l $PY python gc__done
usdt 4 s $PY python audit
E
	cat >"$T/want" <<'E'
1 function__return("probes.py", "answer", 5)
1 function__return("probes.py", "caller", 7)
1 function__return("probes.py", "<module>", 9)
2 gc__start(1)
4 audit("gc.get_referrers")
E
	only='probes|gc__start[(]1|referrers'
	look "usdt" "$PY" -S -E -B -c 'exec(compile(open("probes.py").read(), "probes.py", "exec"))'
else
	echo "no probes in $PY: USDT not tried"
fi

# --- system calls: attach_tracepoint_opts(), raw_tp, tp_btf ---
cat >"$T/list" <<E
tracepoint 1 so syscalls sys_enter_mkdir
tracepoint 2 dd syscalls sys_enter_kill
tracepoint 3 d syscalls sys_exit_rmdir
raw_tp 11 so sys_enter 83
raw_tp 12 ss sys_enter 82
raw_tp 13 d sys_exit 84
tp_btf 14 so sys_enter 83
tp_btf 15 d sys_exit 84
E
cat >"$T/want" <<'E'
1 sys_enter_mkdir("d1", 0711)
2 sys_enter_kill(0, 0)
3 sys_exit_rmdir = 0
3 sys_exit_rmdir = -2
11 sys_enter("d1", 0711)
12 sys_enter("d1", "d2")
13 sys_exit = 0
13 sys_exit = -2
14 sys_enter("d1", 0711)
15 sys_exit = 0
15 sys_exit = -2
E
look "tracepoints" "$PY" -S -E -B calls.py

# --- a call that ends in another program ---
cat >"$T/list" <<E
tracepoint 1 s_ syscalls sys_enter_execve
tracepoint 2 d syscalls sys_exit_execve
raw_tp 3 d sys_exit 59
E
cat >"$T/want" <<'E'
1 sys_enter_execve("/no/such/program", _)
1 sys_enter_execve("/bin/true", _)
2 sys_exit_execve = 0
2 sys_exit_execve = -2
2 sys_exit_execve = 0
3 sys_exit = 0
3 sys_exit = -2
3 sys_exit = 0
E
# the first end is that of the client's own call
only='^1 .*(no/such|bin/true)|^[23]'
look "execve" "$PY" -S -E -c 'import os
try: os.execv("/no/such/program", ["x"])
except OSError: os.execv("/bin/true", ["true"])'

# --- their functions: attach_kprobe_opts(), attach_ksyscall(), kprobe_multi ---
cat >"$T/list" <<E
kprobe 1 so __x64_sys_mkdir
kprobe 2 ss __x64_sys_rename
kretprobe 3 d __x64_sys_mkdir
kretprobe 4 d __x64_sys_rmdir
ksyscall 5 s rmdir
kretsyscall 6 d rmdir
ksyscall 7 dd kill
kprobe_multi 16 so __x64_sys_mkdir
kprobe_multi 17 ss __x64_sys_rename
kretprobe_multi 18 d __x64_sys_mkdir
kretprobe_multi 19 d __x64_sys_rmdir
E
cat >"$T/want" <<'E'
1 __x64_sys_mkdir("d1", 0711)
2 __x64_sys_rename("d1", "d2")
3 __x64_sys_mkdir = 0
4 __x64_sys_rmdir = 0
4 __x64_sys_rmdir = -2
5 rmdir("d2")
5 rmdir("d3")
6 rmdir = 0
6 rmdir = -2
7 kill(0, 0)
16 __x64_sys_mkdir("d1", 0711)
17 __x64_sys_rename("d1", "d2")
18 __x64_sys_mkdir = 0
19 __x64_sys_rmdir = 0
19 __x64_sys_rmdir = -2
E
look "kprobes" "$PY" -S -E -B calls.py

# --- a tool that others wrote: programs that dash starts by vfork(), whose children have their parent's memory ---
if command -v execsnoop >/dev/null; then
	prepare
	"$USERBPF" run --dir "$RT" -- stdbuf -oL execsnoop >"$T/execs" 2>&1 &
	tool=$!
	wait_for 20 grep -q PCOMM "$T/execs" || fail "execsnoop: $(cat "$T/execs")"
	shell=$("$USERBPF" run --dir "$RT" -- dash -c "echo \$\$; /bin/cat '$T/dir/hello' >/dev/null; /bin/true")
	seen() { grep -qE "^$1 +[0-9]+ +$shell +0 $2" "$T/execs"; }
	wait_for 10 seen true /bin/true || fail "execsnoop sees no true"
	seen cat "/bin/cat $T/dir/hello" || { fail "execsnoop sees no cat of $shell"; cat "$T/execs"; }
	kill $tool
	wait $tool 2>/dev/null
else
	echo "no execsnoop: not tried"
fi

# --- attach_trace_opts() ---
printf '%s\n' 'fentry 1 d bpf_fentry_test1' 'fexit 2 d bpf_fentry_test2' >"$T/list"
printf '%s\n' '1 bpf_fentry_test1(1)' '2 bpf_fentry_test2 = 5' >"$T/want"
look "fentry and fexit" true

# --- attach_perf_event_opts(): half a second at 100 Hz, by two cookies ---
printf '%s\n' 'perf_event 7 _ 100' 'perf_event 8 _ 50' >"$T/list"
client "$USERBPF" run --dir "$RT" -- "$A" "$AO" "$T/list" "$PY" -S -c '
import time
t = time.process_time()
while time.process_time() - t < 1: pass'
for c in 7:60:130 8:30:70; do
	n=$(grep -c "^${c%%:*} " "$T/got") range=${c#*:}
	[ "$n" -ge "${range%:*}" ] && [ "$n" -le "${range#*:}" ] || { fail "samples with cookie ${c%%:*}: $n"; head -5 "$T/err"; }
done
true
