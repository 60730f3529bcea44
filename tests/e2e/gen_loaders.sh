# SPDX-License-Identifier: BSD-2-Clause
# gen_loaders.sh - sourced after lib.sh: makes loader files in $T/loaders of all objects we have; sets $objects.
# Without those that the service's verifier refuses on purpose, and owned, whose values hold addresses.
objects=
for object in "$OBJ"/*.bpf.o "$OBJ"/lskel/*.bpf.o "$OBJ"/gen/linked.bpf.o "$BUILD"/bpf/*.bpf.o "$BUILD"/examples/iter_map/*.bpf.o; do
	name=${object##*/} name=${name%.bpf.o}
	case $name in verify-* | ext | owned | owned_rules) continue ;; esac # ext: for programs that must be there first
	[ ! -e "$T/loaders/$name.loader" ] || continue # iter and iter_elem are there twice
	"$USERBPF" gen loader "$object" -o "$T/loaders/$name.loader" 2>"$T/gen.err" || {
		fail "$name: $(cat "$T/gen.err")"
		continue
	}
	objects="$objects $object"
done
needs_kernel() { grep -q "^$1 [^ ]*kernel" "$SRC/tests/data/bpf/lskel/manifest"; }
