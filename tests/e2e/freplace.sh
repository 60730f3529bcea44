#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# freplace.sh - programs that attach to other programs: what may extend or trace what, and as what it is checked.
. "$SRC/tests/e2e/lib.sh"
start
check "extensions and tracers" ub "$BUILD/tests/e2e/freplace" "$OBJ/target.bpf.o" "$OBJ/ext.bpf.o"
