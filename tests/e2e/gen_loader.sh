#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# gen_loader - every object loaded by libbpf and by the loader file made of it: the same instructions, maps, BTF and data, or the same
# error; on the service, and on the machine's own kernel where root may use it.
. "$SRC/tests/e2e/lib.sh"
bin=$BUILD/tests/e2e
mkdir "$T/loaders"
. "$SRC/tests/e2e/gen_loaders.sh"

# On the service only what needs functions and tracepoints of a real kernel fails, and what the verifier is to refuse.
judge_service() {
	while read -r name verdict rest; do
		case $name:$verdict in
		\#*) echo "	$verdict $rest" ;;
		left:*) same "objects left" "" "$verdict" ;;
		*:same) compared=$((compared + 1)) ;;
		bad:errno) same "$name" "13 13" "$rest" ;;
		*:errno) # no such target: libbpf's own ESRCH, the helper's ENOENT
			[ "$rest" = "3 2" ] || needs_kernel "$name" || fail "$name: errno of libbpf, of the loader: $rest" ;;
		*) fail "$name $verdict $rest" ;;
		esac
	done
}
# A kernel may lack what the service has; then both ways fail.
judge_kernel() {
	while read -r name verdict rest; do
		case $name:$verdict:$rest in
		\#:libbpf:*) ;; # why libbpf cannot load it there
		\#*) echo "	$verdict $rest" ;;
		left:*) ;; # others use it, too
		*:same:) compared=$((compared + 1)) ;;
		*:errno:0\ * | *:errno:*\ 0) fail "$name: one way fails in the kernel: $rest" ;;
		*:errno:*) ;;
		*) fail "$name $verdict $rest (kernel)" ;;
		esac
	done
}

compared=0
ub sh "$SRC/tests/e2e/gen_loader_cases.sh" "$bin" "$T/loaders" $objects >"$T/service"
judge_service <"$T/service"
[ $compared -ge 40 ] || fail "only $compared objects compared"
echo "$compared objects are the same on the service"

if kernel_bpf; then
	compared=0
	sh "$SRC/tests/e2e/gen_loader_cases.sh" "$bin" "$T/loaders" $objects >"$T/kernel"
	judge_kernel <"$T/kernel"
	[ $compared -ge 25 ] || fail "only $compared objects compared in the kernel"
	echo "$compared objects are the same on the kernel"
fi
