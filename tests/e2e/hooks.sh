#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# hooks.sh - programs for a kernel whose BTF is given: which functions let a program sleep, change their result, take an LSM program; iterators.
. "$SRC/tests/e2e/lib.sh"
cat >"$T/kernel.c" <<'C'
struct file { int mode; };
struct pt_regs { long ax; };
int do_thing(int a) { return a; }
void migrate_disable(void) { }
long __x64_sys_getpgid(const struct pt_regs *regs) { return regs->ax; }
int should_failslab(int a) { return a; }
struct path { int a; };
int look_at(struct path *p) { return p->a; }
int security_file_open(struct path *p) { return p->a; }
int bpf_lsm_file_open(struct file *f) { return f->mode; }
void bpf_lsm_task_free(struct file *f) { f->mode = 0; }
struct bpf_iter_meta { int n; };
struct thing { int a; };
int bpf_iter_task(struct bpf_iter_meta *meta, struct thing *task) { return task->a; }
int bpf_iter_nobody(struct bpf_iter_meta *meta) { return 0; }
int bpf_lsm_inode_need_killpriv(struct file *f) { return f->mode; }
C
check "a kernel" sh -c "cc -g -gdwarf-4 -O1 -c '$T/kernel.c' -o '$T/kernel.o' && pahole -J --btf_encode_detached='$T/kernel.btf' '$T/kernel.o'"
"$USERBPF" verify --btf "$T/kernel.btf" "$OBJ/hooks.bpf.o" >"$T/out" 2>&1
same "verdicts" 17 "$(grep -cE '^(verified|refused)' "$T/out")"
same "verified, but refused by a kernel" "" "$(sed -n 's/^verified  \(no_[a-z_]*\).*/\1/p' "$T/out")"
same "refused, but not by a kernel" "" "$(sed -n 's/^refused   \(ok_[a-z_]*\).*/\1/p' "$T/out")"
for text in 'do_thing is not sleepable' 'should_failslab is not sleepable' 'do_thing() is not modifiable' 'bpf_lsm_task_free is not sleepable' \
	"R1 invalid mem access 'ptr_or_null_'" 'helper call is not allowed in probe' 'points to disabled hook bpf_lsm_inode_need_killpriv'; do
	grep -qF "$text" "$T/out" || fail "no '$text' in $(head -c 2000 "$T/out")"
done
