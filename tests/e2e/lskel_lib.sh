# SPDX-License-Identifier: BSD-2-Clause
# lskel_lib.sh - sourced by the tests of light skeletons, after lib.sh.
#   lskel_build [userbpf]   makes bpftool's skeletons of all objects it can, or ours, and the harness around them: ./lskel (see lskel.c); sets
#   names         the objects it knows        has NAME FLAG   from the manifest
L=$OBJ/lskel
manifest=$SRC/tests/data/bpf/lskel/manifest

has() {
	awk -v name="$1" -v flag="$2" '$1 == name { n = split($2, f, ","); for (i = 1; i <= n; i++) if (f[i] == flag) found = 1 }
		END { exit !found }' "$manifest"
}
# objects FLAG...: names that have none of the flags
objects_without() {
	awk -v none="$*" 'BEGIN { n = split(none, no, " ") }
		/^[a-z]/ { k = split($2, f, ","); for (i = 1; i <= k; i++) for (j = 1; j <= n; j++) if (f[i] == no[j]) next; print $1 }' "$manifest"
}
lskel_build() {
	cc=$(command -v cc || command -v gcc) || skip "a C compiler is missing"
	[ -f /usr/include/bpf/skel_internal.h ] || skip "libbpf's headers are missing"
	cd "$T" || exit 1
	maker=bpftool names=$(objects_without nobpftool)
	[ -z "${1-}" ] || maker=$USERBPF names="$(objects_without none) ${more_names-}"
	for name in $names; do
		"$maker" gen skeleton -L "$L/$name.bpf.o" name "$name" >"$name.lskel.h" 2>err || fail "$name: gen skeleton -L: $(cat err)"
		printf '#define %s__TYPES\n#include "%s.lskel.h"\n' "$name" "$name" >>skeletons.h
	done
	echo "#define SKELETONS(X) $(for name in $names; do printf 'X(%s) ' "$name"; done)" >>skeletons.h
	$cc -O1 -D_GNU_SOURCE -DDESCRIBE_NO_MAIN -I"$T" -I"$SRC/tests/e2e" -I"$SRC/include" -I"$SRC/src" "$SRC/tests/e2e/lskel.c" "$SRC/tests/e2e/describe.c" -o lskel -lbpf 2>err || {
		fail "lskel.c: $(head -5 err)"
		exit 1
	}
}
