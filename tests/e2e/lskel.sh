#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# lskel.sh - light skeletons that Debian's bpftool makes run unmodified: for every object of tests/data/bpf/lskel what the skeleton
# loads is what libbpf loads, attach works, logs arrive, and nothing stays behind. The same binary on the machine's own kernel where
# root may use it.
. "$SRC/tests/e2e/lib.sh"
. "$SRC/tests/e2e/lskel_lib.sh"
lskel_build
start

for name in $names; do
	if has "$name" kernel; then
		ub ./lskel load "$name" >out 2>&1 && fail "$name: loads without its targets"
		same "$name: what a missing target gives" ENOENT "$(cat out)"
		continue
	fi
	ub ./lskel same "$name" "$L/$name.bpf.o" >out 2>&1 || { fail "$name: skeleton and libbpf differ"; head -5 out; diff skeleton.txt libbpf.txt | head -20; }
	# the loader of bpftool prog load -L
	ub bpftool -L prog load "$L/$name.bpf.o" /sys/fs/bpf/x >out 2>&1 || { fail "$name: bpftool -L prog load"; tail -5 out; }
	if has "$name" attach && [ "$name" != iter_elem ]; then
		ub ./lskel attach "$name" >out 2>&1 || { fail "$name: attach"; tail -5 out; }
	fi
done

# what the programs see of what was set before, and what they leave
ub ./lskel data >out 2>&1 || { fail "global data"; cat out; }

# the log of a program that is refused, through the skeleton's buffer, and the loader program's own at any level
ub ./lskel log tracing 1 >out 2>&1 && fail "tracing: loads"
ub ./lskel log maps 1 >out 2>&1 || { fail "log of an object that loads"; head -5 out; }
grep -q 'processed [0-9]* insns' out || fail "no verifier log in the skeleton's buffer: $(head -c 300 out)"

# without root: run's user namespace has the capabilities that skeletons need
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && setpriv --reuid 1000 --clear-groups test -x "$USERBPF"; then
	user_dirs
	for name in maps core_field callback_loop; do
		as_user "$USERBPF" run -- ./lskel same "$name" "$L/$name.bpf.o" >out 2>&1 || { fail "$name: not as a user"; tail -5 out; }
	done
fi

# The machine's own kernel says the same of a skeleton as of libbpf, also where it refuses both (attach targets, privileges,
# configuration).
if kernel_bpf; then
	./lskel data >out 2>&1 || { fail "global data on the machine's kernel"; cat out; }
	for name in $names; do
		./lskel same "$name" "$L/$name.bpf.o" >out 2>&1
		case $? in
		0 | 4) ;;
		*) fail "$name: skeleton and libbpf differ on the machine's kernel"; head -5 out; diff skeleton.txt libbpf.txt | head -20 ;;
		esac
	done
	# what the log says of CO-RE relocations, but for the numbers that differ between kernels
	relocations() {
		grep -a '^prog .*relo\|^CO-RE' | sed 's/\[[0-9]*\]/[N]/g; s/@ offset [0-9.]*/@ offset N/; s/([0-9:]* @/(N @/
			s/\(off\|imm\|imm64\|mem_sz\) [0-9]* -> [0-9]*/\1 N -> N/; s/ = [0-9]*$/ = N/'
	}
	for name in $names; do
		has "$name" core || continue
		./lskel log "$name" 2 2>&1 | relocations >kernel.log
		ub ./lskel log "$name" 2 2>&1 | relocations >ours.log
		[ -s kernel.log ] || continue # 5.17 and after
		diff kernel.log ours.log >out || { fail "$name: the log of relocations"; head -6 out; }
	done
fi
cd /
