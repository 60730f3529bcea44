#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# hostile.sh - a process writes random bytes over maps it may write; service, programs and other clients go on (hostile.c). Under `make asan`
# the service says what it touched.
. "$SRC/tests/e2e/lib.sh"
start
pid=$(service_pid)
same "hostile" ok "$(ub "$BUILD/tests/e2e/hostile" "$OBJ/hostile.bpf.o" "${CHAOS_SECONDS:-4}" 2>&1 | tail -5)"
kill -0 "$pid" || fail "the service is gone"
check "the service answers" ub bpftool map show
check "sees its own maps" ub bpftool map create /sys/fs/bpf/m type hash key 4 value 4 entries 4 name m
