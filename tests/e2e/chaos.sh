#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# chaos.sh - processes that use maps are killed all the time; maps stay whole (chaos.c). CHAOS_SECONDS per kind; `make chaos` takes 60.
. "$SRC/tests/e2e/lib.sh"
start
pid=$(service_pid)
out=$(ub "$BUILD/tests/e2e/chaos" "$OBJ/chaos.bpf.o" "${CHAOS_SECONDS:-0.6}" 2>&1)
[ -z "${CHAOS_VERBOSE:-}" ] || echo "$out"
same "chaos" ok "$(echo "$out" | grep -v ' kills$' | tail -5)"
kill -0 "$pid" || fail "the service is gone"
# what the dead had is given back
fds_back() { [ "$(service_fds "$pid")" -le 64 ]; }
wait_for 5 fds_back || fail "fds of the service: $(service_fds "$pid")"
