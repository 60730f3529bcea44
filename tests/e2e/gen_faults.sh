#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# gen_faults - every bpf(2) call of a loader file's run made to fail in turn: the run fails with that errno, no fd and no object is left.
. "$SRC/tests/e2e/lib.sh"
bin=$BUILD/tests/e2e
mkdir "$T/loaders"
. "$SRC/tests/e2e/gen_loaders.sh"
start

# A fault in every call until two runs have none left: one may go well because the object's BTF alone was refused.
cat >"$T/faults" <<'X'
n=1 well=0 without=0
while [ $well -lt 2 ]; do
	out=$(USERBPF_FAIL=$n:EXDEV "$1" "$2" 2>&1)
	if [ "$out" = "errno 18" ]; then
		without=$((without + well)) well=0
	else
		well=$((well + 1))
	fi
	n=$((n + 1))
done
echo "$((n - 2)) $without $out" | head -1
X
total=0 btfless=0
for object in $objects; do
	name=${object##*/} name=${name%.bpf.o}
	needs_kernel "$name" || [ "$name" = bad ] && continue
	ub sh "$T/faults" "$bin/runloader" "$T/loaders/$name.loader" >"$T/out" 2>&1
	read -r n without out <"$T/out"
	case $out in
	"errno 2") continue ;; # it has no such target without faults, either
	map\ * | prog\ *) ;;
	*) fail "$name: call $n: $out" ;;
	esac
	[ "$without" -le 1 ] || fail "$name: $without faults are lost"
	btfless=$((btfless + without))
	[ "$n" -gt 4 ] || fail "$name: only $n calls"
	total=$((total + n - 1))
done
wait_for 5 sh -c "[ -z \"\$('$USERBPF' run --dir '$RT' -- '$bin/objdump' | grep -E '^(map|prog) ' | grep -vE ' (iterator.rodata|dump_bpf_map|dump_bpf_prog|.rodata.str1.1) ')\" ]" ||
	fail "objects are left: $(ub "$bin/objdump" | grep -E '^(map|prog) ' | head -5)"
echo "$total faults, $btfless objects that go without their BTF"
[ $btfless -gt 10 ] || fail "only $btfless objects go without BTF"
[ $total -gt 400 ] || fail "only $total faults"
