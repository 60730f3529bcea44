#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# batch.sh - batches of hash maps and of maps of maps, here and on the machine's own kernel where root may use it.
. "$SRC/tests/e2e/lib.sh"
same "here" ok "$(ub "$BUILD/tests/e2e/batch" 2>&1 | head -20)"
if kernel_bpf; then
	same "on the machine's kernel" ok "$("$BUILD/tests/e2e/batch" 2>&1 | head -20)"
fi
