#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# owned.sh - objects that programs make: the verifier's rules, one by one (the machine's own kernel is asked, too, where it knows the functions and root may),
# and lists and trees that processes share, of whom some are killed.
. "$SRC/tests/e2e/lib.sh"
[ -e "$OBJ/owned.bpf.o" ] || skip "no vmlinux.h, so no owned.bpf.o"
start
ub "$BUILD/tests/e2e/owned" rules "$OBJ/owned_rules.bpf.o" >"$T/rules" 2>&1 || fail "rules: $(grep -v '^ok' "$T/rules" | head -40)"
ub "$BUILD/tests/e2e/owned" types >"$T/types" 2>&1 || fail "types: $(grep '^not' "$T/types")"
same "what they do" ok "$(ub "$BUILD/tests/e2e/owned" run "$OBJ/owned.bpf.o" 2>&1 | head -20)"
# the text of some rules is newer than others
if [ "$(id -u)" = 0 ] && grep -aq bpf_rbtree_left /sys/kernel/btf/vmlinux 2>/dev/null &&
	"$BUILD/tests/e2e/owned" rules "$OBJ/owned_rules.bpf.o" made_and_dropped >/dev/null 2>&1; then
	"$BUILD/tests/e2e/owned" rules "$OBJ/owned_rules.bpf.o" >"$T/kernel" 2>&1 || fail "the machine's kernel says otherwise: $(grep '^not' "$T/kernel")"
	"$BUILD/tests/e2e/owned" types >"$T/kernel.types" 2>&1
	same "types" "$(cat "$T/kernel.types")" "$(cat "$T/types")"
	same "verdicts" "$(grep '^ok' "$T/kernel")" "$(grep '^ok' "$T/rules")"
fi
