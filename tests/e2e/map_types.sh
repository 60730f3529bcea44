#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# map_types.sh - each type of map by its number: the same answers here, and of the machine's kernel where root may ask it.
. "$SRC/tests/e2e/lib.sh"
same "here" ok "$(ub "$BUILD/tests/e2e/map_types" 2>&1 | head -20)"
if kernel_bpf; then
	same "the machine's kernel" ok "$("$BUILD/tests/e2e/map_types" kernel 2>&1 | head -20)"
fi
