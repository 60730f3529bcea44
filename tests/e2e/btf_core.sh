#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# btf_core.sh - CO-RE with unmodified libbpf: vmlinux.h from bpftool compiles, programs built against it, or against another kernel's types, relocate by name.
# The same binary says the same on the machine's own kernel where root may use it.
. "$SRC/tests/e2e/lib.sh"
clang=$(command -v clang-19 || command -v clang) || skip "clang is missing"
cc=$(command -v cc || command -v gcc) || skip "a C compiler is missing"
start
cd "$T" || exit 1

ub bpftool btf dump file /sys/kernel/btf/vmlinux format c >vmlinux.h 2>err || fail "btf dump format c: $(cat err)"
for type in bpf_map bpf_prog bpf_link seq_file bpf_iter_meta bpf_prog_aux btf; do
	grep -q "^struct $type {" vmlinux.h || fail "vmlinux.h has no struct $type"
done
printf '#include "vmlinux.h"\n' >all.c
$clang -target bpf -O2 -Wall -Werror -c all.c -o all.o 2>err || fail "vmlinux.h does not compile for bpf: $(head -5 err)"
ub bpftool btf dump file /sys/kernel/btf/vmlinux >raw 2>err || fail "btf dump: $(cat err)"
[ "$(grep -c '^\[' raw)" -gt 300 ] || fail "only $(grep -c '^\[' raw) types"
grep -q "FUNC 'bpf_iter_bpf_map'" raw || fail "no bpf_iter_bpf_map in the types"
# by id it is the same, and it is the kernel's: named vmlinux
id=$(ub bpftool btf list | sed -n 's/^\([0-9]*\): name \[vmlinux\].*/\1/p')
[ -n "$id" ] || fail "btf list shows no vmlinux: $(ub bpftool btf list | head -3)"
ub bpftool btf dump id "$id" format c >by_id.h 2>err || fail "btf dump id: $(cat err)"
same "types by id and by file" "$(md5sum <vmlinux.h)" "$(md5sum <by_id.h)"

$clang -target bpf -mcpu=v3 -O2 -g -Wall -I"$T" -c "$SRC/tests/e2e/core.bpf.c" -o core.bpf.o 2>err || { fail "core.bpf.c: $(head -5 err)"; exit 1; }
bpftool gen skeleton core.bpf.o name core >core.skel.h 2>err || fail "gen skeleton: $(cat err)"
$cc -O2 -I"$T" "$SRC/tests/e2e/core.c" -o core -lbpf 2>err || { fail "core.c: $(head -5 err)"; exit 1; }
want="seen 1 max 345 id 1 has 1 0 1 0 name 16 looked_at key 12 off 1 wrong 0"
same "here" "$want" "$(ub ./core 2>&1)"
same "here, once more" "$want" "$(ub ./core 2>&1)"
if kernel_bpf && [ -r /sys/kernel/btf/vmlinux ]; then
	# off: where the field is differs between the two kernels, which is what CO-RE is about
	same "the same binary on the machine's kernel" "${want%% off *}" "$(./core 2>&1 | sed 's/ off .*//')"
fi
# a type that is not there makes no program
cat >absent.bpf.c <<'Y'
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
struct bpf_map___y { int not_there; } __attribute__((preserve_access_index));
int out;
SEC("iter/bpf_map") int look(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map___y *m = (void *)ctx->map;
	if (m)
		out = BPF_CORE_READ(m, not_there);
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
Y
$clang -target bpf -mcpu=v3 -O2 -g -I"$T" -c absent.bpf.c -o absent.bpf.o 2>err || fail "absent.bpf.c: $(head -3 err)"
ub bpftool prog load absent.bpf.o /sys/fs/bpf/absent >out 2>&1 && fail "a relocation without a target was accepted"
grep -q 'invalid func unknown#195896080\|CO-RE relocation' out || fail "the log says nothing of it: $(tail -5 out)"
cd /
