#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# lskel_c.sh - our light skeletons for C: they compile without a warning in C99 and C++, load what libbpf loads, attach, say why not,
# and leave nothing behind whatever call fails. A recorded run of libbpf loads the same again.
. "$SRC/tests/e2e/lib.sh"
. "$SRC/tests/e2e/lskel_lib.sh"
# also the objects outside of that folder, as o_NAME; those that do not load must not load either way
mkdir "$T/objects"
cp "$L"/*.bpf.o "$T/objects/"
more_names=
for o in "$OBJ"/*.bpf.o "$BUILD"/bpf/*.bpf.o "$BUILD"/examples/iter_map/*.bpf.o; do
	name=$(basename "$o" .bpf.o | tr - _)
	case $name in ext | owned | owned_rules) continue ;; esac # as in gen_loaders.sh
	cp "$o" "$T/objects/o_$name.bpf.o"
	more_names="$more_names o_$name"
done
L=$T/objects
lskel_build userbpf
start

# nothing but libc, no warning
cxx=$(command -v c++ || command -v g++)
for name in $names; do
	printf '#define %s__TYPES\n#include "%s.lskel.h"\nint main(void) { %s__destroy(%s__open_and_load()); return 0; }\n' "$name" "$name" "$name" "$name" >one.c
	$cc -std=c99 -pedantic -Wall -Wextra -Wshadow -Werror -O1 -o one one.c 2>err || { fail "$name: C99"; head -5 err; }
	[ -z "$cxx" ] || $cxx -x c++ -std=c++11 -pedantic -Wall -Wextra -Werror -fsyntax-only one.c 2>err || { fail "$name: C++"; head -5 err; }
done

# Without names to be looked up the skeleton makes the calls itself, and by the program when it is told to.
by_calls() {
	! grep -q 'l->calls = NULL' "$1.lskel.h"
}
by() { # program|calls CMD...
	[ "$1" = calls ] || export LSKEL_BY_PROGRAM=1
	shift
	"$@"
	set -- $?
	unset LSKEL_BY_PROGRAM
	return "$1"
}
loaded=0 calls=0 neither=
for name in $names; do
	if has "$name" kernel; then
		ub ./lskel load "$name" >out 2>&1 && fail "$name: loads without its targets"
		same "$name: what a missing target gives" ENOENT "$(cat out)"
		continue
	fi
	by_calls "$name" && calls=$((calls + 1))
	for by in program calls; do
		[ $by = program ] || by_calls "$name" || continue
		by $by ub ./lskel same "$name" "$L/$name.bpf.o" >out 2>&1
		status=$?
		[ $status = 0 ] || break
	done
	case $status:$name in
	0:*) loaded=$((loaded + 1)) ;;
	4:o_*) neither="$neither ${name#o_}" ;;
	*) fail "$name: skeleton (by $by) and libbpf differ"; head -5 out; diff skeleton.txt libbpf.txt | head -20 ;;
	esac
	if has "$name" attach; then
		ub ./lskel attach "$name" >out 2>&1 || { fail "$name: attach"; tail -5 out; }
	fi
done
same "objects that load neither way" " bad hooks verify_licence verify_refused" "$neither"
[ $loaded -ge 50 ] || fail "only $loaded objects loaded"
[ $calls -ge 30 ] || fail "only $calls skeletons make their calls themselves"
ub ./lskel log tracing 1 >out 2>&1 && fail "tracing: loads"
ub ./lskel log maps 1 >out 2>&1 || { fail "log of an object that loads"; head -5 out; }
grep -q 'processed [0-9]* insns' out || fail "no verifier log in the skeleton's buffer: $(head -c 300 out)"

# variables, sizes, attach one by one, links with information, failures half-way
for name in sample view control; do
	"$USERBPF" gen skeleton -L "$OBJ/$name.bpf.o" >"$name.lskel.h" || fail "gen skeleton $name"
done
check "compile lskel_c.c" $cc -std=gnu99 -Wall -Wextra -Werror -I. -o lskel_c "$SRC/tests/e2e/lskel_c.c"
ub ./lskel_c >out 2>&1 || { fail "lskel_c"; tail -5 out; }

# a static program with a skeleton is at most 100 KiB larger than one without
echo 'int main(void) { return 0; }' >empty.c
printf '#include "sample.lskel.h"\nint main(void) { struct sample *s = sample__open_and_load(); return !s || sample__attach(s); }\n' >whole.c
if $cc -Os -static -o empty empty.c 2>/dev/null && $cc -Os -static -o whole whole.c; then
	strip empty whole
	larger=$(($(stat -c %s whole) - $(stat -c %s empty)))
	[ $larger -le 102400 ] || fail "a static program is $larger bytes larger with a skeleton"
fi

# what libbpf did, recorded
mkdir recorded
objects=
for name in $names; do
	has "$name" kernel && continue
	ub "$BUILD/tests/e2e/libload" "$L/$name.bpf.o" >out 2>&1 || continue # refused, as the skeleton
	"$USERBPF" record --dir "$RT" -o "recorded/$name.loader" -- "$BUILD/tests/e2e/libload" "$L/$name.bpf.o" >out 2>err ||
		{ fail "$name: record: $(head -3 err)"; continue; }
	objects="$objects $L/$name.bpf.o"
done
ub sh "$SRC/tests/e2e/gen_loader_cases.sh" "$BUILD/tests/e2e" "$T/recorded" $objects >out 2>&1
grep -v -e ' same$' -e '^left $' out && fail "recorded runs differ"
same "recorded runs" "$(echo $objects | wc -w)" "$(grep -c ' same$' out)"

# every call fails once; the object's BTF alone may be refused
without=0
faults() { # NAME program|calls
	by $2 "$USERBPF" trace --dir "$RT" --json -o trace.json -- ./lskel bare "$1" >out 2>&1 || fail "$1: does not load: $(head -c 300 out)"
	grep -o '"cmd": "BPF_[A-Z_]*"' trace.json >made
	n=$(grep -c . made)
	[ "$n" -ge 2 ] || fail "$1: only $n calls"
	same "$1 by $2: loader programs run" "$([ "$2" = calls ] && echo 0 || echo 1)" "$(grep -c PROG_TEST_RUN made)"
	# records are written as calls end: those of the loader program come before that of its test run, which began before them
	btf=$(grep -n BTF_LOAD made | head -1 | cut -d: -f1)
	[ -z "$btf" ] || btf=$((btf + $(grep -c PROG_TEST_RUN made)))
	by $2 ub ./lskel faults "$1" "$n" "${btf:-0}" >out 2>&1 || { fail "$1 (by $2): a fault is lost or leaves something"; head -20 out; }
	! grep -q 'goes without BTF' out || without=$((without + 1))
}
# A signal that waits while a program is verified makes that EAGAIN, which is nobody's error.
signalled() { # program|calls
	by $1 "$USERBPF" trace --dir "$RT" --json -o trace.json -- ./lskel bare maps >out 2>&1 || fail "maps: does not load"
	at=$(grep -o '"cmd": "BPF_[A-Z_]*"' trace.json | grep -n PROG_LOAD | cut -d: -f1)
	[ -n "$at" ] || fail "maps by $1: no program"
	for n in $at; do # of the loader program's the records are one early
		same "maps by $1: EAGAIN of call $n" "" "$(USERBPF_FAIL=$n:EAGAIN by $1 ub ./lskel bare maps)"
		[ $1 = calls ] || same "maps by $1: EAGAIN of call $((n + 1))" "" "$(USERBPF_FAIL=$((n + 1)):EAGAIN by $1 ub ./lskel bare maps)"
	done
}
! by_calls maps || signalled calls
signalled program
for name in ${LSKEL_SET:-$(objects_without kernel)}; do
	faults "$name" program
	! by_calls "$name" || faults "$name" calls
done
[ -n "${LSKEL_SET-}" ] || [ $without -gt 10 ] || fail "only $without objects go without BTF"

# who may not run a loader program can still make the calls, without BTF, where anybody may
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	"$BUILD/src/daemon/userbpfd" --foreground --dir "$T/unpriv" --unpriv 0 --preload off --btf "$BUILD/src/sys/vmlinux/vmlinux.btf" &
	pid=$!
	wait_for 5 test -S "$T/unpriv/sock" || fail "no service for the unprivileged"
	nobody() {
		"$USERBPF" run --dir "$T/unpriv" -- setpriv --bounding-set=-all --inh-caps=-all "$@" 2>&1
	}
	for name in ringbuf prog_array; do
		same "$name without CAP_BPF" "" "$(nobody ./lskel bare "$name")"
		same "$name by its program without CAP_BPF" EPERM "$(by program nobody ./lskel bare "$name")"
	done
	kill $pid
	wait $pid
fi

# the machine's own kernel, with what it offers for attaching
if kernel_bpf; then
	for name in $names; do
		./lskel same "$name" "$L/$name.bpf.o" >out 2>&1
		status=$?
		case $status in
		0 | 4) ;;
		*) fail "$name: skeleton and libbpf differ on the machine's kernel"; head -5 out; diff skeleton.txt libbpf.txt | head -20 ;;
		esac
	done
	./lskel_c kernel >out 2>&1 || { fail "lskel_c on the machine's kernel"; tail -5 out; }
fi
cd /
