#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# gen_loader_cases - each object loaded by libbpf and by its loader file, wherever this runs: the service, a kernel, a kernel in QEMU.
#   usage: gen_loader_cases.sh BIN LOADERS OBJECT...     BIN: libload, runloader, objdump; LOADERS: NAME.loader; all paths absolute
# Lines with # explain. One line per object: "NAME same", "NAME differs", "NAME errno LIBBPF LOADER" (0: no error), then "left" and what is still there.
bin=$1 loaders=$2 T=$(mktemp -d)
shift 2
start=$("$bin/objdump" mark)
# held PROGRAM FILE DELAY: what the objects that PROGRAM loads from FILE look like. The delay is for those it has closed to go.
cat >"$T/late" <<'X'
sleep "$1"
exec "$2" "$3"
X
held() {
	mark=$("$bin/objdump" mark)
	"$bin/$1" "$2" sh "$T/late" "$3" "$bin/objdump" "$mark" >"$T/out" 2>&1
	own <"$T/out"
}
# Without runloader's own lines and without helpers of both ways, which a kernel takes a moment to free: probes, the loader itself.
own() {
	awk '/^[^\t]/ { skip = /^[a-z]+ (libbpf_|__loader\.)/ || /^[a-z]+ [^ ]+ [0-9]+$/ } !skip'
}

for object; do
	name=${object##*/} name=${name%.bpf.o}
	for delay in 0 0.3 2; do
		held libload "$object" $delay >"$T/libbpf"
		held runloader "$loaders/$name.loader" $delay >"$T/loader"
		cmp -s "$T/libbpf" "$T/loader" && break
		grep -q '^errno' "$T/libbpf" "$T/loader" && break
	done
	if grep -q '^errno' "$T/libbpf" "$T/loader" || ! [ -s "$T/loader" ]; then
		want=$(sed -n 's/^errno //p' "$T/libbpf") got=$(sed -n 's/^errno //p' "$T/loader")
		echo "$name errno ${want:-0} ${got:-0}"
		[ -z "$want" ] || LIBLOAD_WHY=1 "$bin/libload" "$object" 2>&1 | grep '^libbpf: ' | head -2 | cut -c1-200 | sed 's/^/#	/'
	elif cmp -s "$T/libbpf" "$T/loader"; then
		echo "$name same"
	else
		echo "$name differs"
		diff "$T/libbpf" "$T/loader" | grep "^[-+<>]" | head -8 | cut -c1-160 | sed 's/^/#	/'
	fi
done
n=0
while [ -n "$("$bin/objdump" "$start")" ] && [ $n -lt 30 ]; do
	sleep 0.1
	n=$((n + 1))
done
echo "left $("$bin/objdump" "$start" | grep -v '^	' | tr '\n' ' ')"
rm -r "$T"
