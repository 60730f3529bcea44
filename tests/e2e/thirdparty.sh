#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# thirdparty.sh - every program of every object: ours, and what Debian packages ship (as files or inside programs), against tests/data/thirdparty.list.
#   DEBIAN_ROOT  a directory with packages that are not installed: `dpkg -x PACKAGE.deb DEBIAN_ROOT/PACKAGE`
#   WRITE_LIST   a file to write the verdicts of this run to, in the list's format
# The packages' programs are verified against the machine's kernel BTF (the service's own where there is none); what a kernel does not have (an attach
# target, a field) is no failure. XDP objects, which need no kernel, are also loaded and run by bpftool.
. "$SRC/tests/e2e/lib.sh"
LIST=$SRC/tests/data/thirdparty.list
ROOT=${DEBIAN_ROOT:-}
KERNEL=/sys/kernel/btf/vmlinux

# verdicts NAME OPTION... FILE: one line per program, "NAME<tab>PROGRAM<tab>ok" or "...<tab>REASON"
verdicts() {
	name=$1
	shift
	"$USERBPF" verify "$@" >"$T/out" 2>"$T/err"
	case $? in
	0 | 1) ;;
	*) fail "$name: status $?: $(tail -1 "$T/err")" ;;
	esac
	[ -s "$T/out" ] || printf '%s\t-\t%s\n' "$name" "$(sed 's/^userbpf: *//; s,/[^ ]*/,,' "$T/err" | head -1)"
	awk -v name="$name" '
		function flush() { if (prog != "") printf "%s\t%s\t%s\n", name, prog, verdict; prog = "" }
		/^verified  / { flush(); prog = $2; verdict = "ok" }
		/^refused   / { flush(); prog = $2; verdict = "refused" }
		/^  message   / && verdict == "refused" { sub(/^  message +/, ""); verdict = $0 }
		END { flush() }' "$T/out"
}

: >"$T/got"
for obj in "$BUILD"/bpf/*.bpf.o "$BUILD"/examples/*/*.bpf.o "$BUILD"/tests/data/bpf/*.bpf.o; do
	case $obj in
	*/ext.bpf.o | */hooks.bpf.o) continue ;; # for programs of target.bpf.o, for a kernel of their own: freplace.sh, hooks.sh
	*/owned_rules.bpf.o) continue ;;	 # refused, each program for a reason of its own: owned.sh
	esac
	[ -f "$obj" ] && verdicts "own/${obj##*/}" "$obj" >>"$T/got"
done
own=$(wc -l <"$T/got")

# a package's objects: files, and what its programs carry
files_of() {
	if [ -n "$ROOT" ]; then
		find "$ROOT/$1" -type f 2>/dev/null
	else
		dpkg -L "$1" 2>/dev/null
	fi | grep -E '/s?bin/[^/]*$|/libexec/|/bpf/[^/]*\.o$|/libknot\.so\.[0-9]+\.[^/]*$'
}
package() {
	mkdir "$T/$1"
	for f in $(files_of "$1"); do
		case $f in
		*.o) cp "$f" "$T/$1/" ;;
		*) [ ! -f "$f" ] || [ ! -s "$f" ] || "$BUILD/tests/e2e/bpfextract" "$T/$1" "$f" || fail "$f: not read" ;;
		esac
	done
	for obj in "$T/$1"/*.o; do
		[ ! -f "$obj" ] || verdicts "$1/${obj##*/}" $BTF "$obj" >>"$T/got"
	done
}
[ -r "$KERNEL" ] && BTF="--btf $KERNEL" || BTF=
for pkg in libxdp1 xdp-tests xdp-tools libbpf-tools libknot13; do
	package $pkg
done
[ "$(wc -l <"$T/got")" -gt "$own" ] || echo "SKIP: packages' objects: none of libxdp1, xdp-tests, xdp-tools, libbpf-tools, libknot13 is here"

# By a real loader into a service: all but what attaches to a program that is not loaded.
start
head -c 64 /dev/zero >"$T/packet"
loaded=0
for obj in "$T"/libxdp1/*.o "$T"/xdp-tests/*.o "$T"/libknot13/*.o; do
	[ -f "$obj" ] || continue
	case $obj in
	*/xdpdump_bpf.o | */test-tool.*) continue ;; # attach to programs and tracepoints
	esac
	loaded=$((loaded + 1))
	check "load ${obj##*/}" ub bpftool prog loadall "$obj" "/sys/fs/bpf/o$loaded"
	for prog in $(ub ls "/sys/fs/bpf/o$loaded" 2>/dev/null); do
		case $(ub bpftool prog run pinned "/sys/fs/bpf/o$loaded/$prog" data_in "$T/packet" 2>&1) in
		*"Return value: "*) ;;
		*) fail "${obj##*/}: $prog does not run" ;;
		esac
	done
done
echo "$loaded objects of packages loaded and run"

# ir-keytable's decoders, which have a loader of their own. raw.o's map gets its size from a keymap, manchester.o calls functions in .text, which
# that loader does not link.
decoders=$(find ${ROOT:+"$ROOT/ir-keytable"} /lib/udev/rc_keymaps/protocols -name '*.o' ! -name raw.o ! -name manchester.o 2>/dev/null | sort -u)
if [ -n "$decoders" ]; then
	check "remote control decoders" ub "$BUILD/tests/e2e/rcload" $decoders
	echo "$(echo "$decoders" | wc -l) remote control decoders loaded"
else
	echo "SKIP: ir-keytable is not here"
fi

# The list: object, program, ok | refused REASON | missing REASON (a limit of this version: docs/limits.md; better is welcome).
# What this machine's kernel lacks says nothing about us.
if [ -n "${WRITE_LIST:-}" ]; then
	awk -F'\t' -v OFS='\t' '
		$3 == "ok" { print; next }
		/^own/ { print $1, $2, "refused " $3; next }
		$3 ~ /failed to find kernel BTF type ID|CO-RE relocation/ { next }
		{ print $1, $2, ($3 ~ /unknown func|failed to create|Retrying without BTF/ ? "missing " : "refused ") $3 }' "$T/got" >"$WRITE_LIST"
fi
awk -F'\t' '
	FNR == NR { if ($0 !~ /^#/) want[$1 FS $2] = $3; next }
	{ key = $1 FS $2; w = want[key]; seen[key] = 1; count[$3 == "ok"]++ }
	$3 ~ /failed to find kernel BTF type ID|CO-RE relocation/ && $1 !~ /^own/ { lacking++; next }
	w == "" && $3 == "ok" { next }
	w == "" { print "not in the list: " $0; bad = 1; next }
	w == $3 || w == "refused " $3 || w == "missing " $3 { next }
	w ~ /^missing/ && $3 == "ok" { print "note: now verified: " key; next }
	{ print $1 " " $2 ": want \"" w "\", got \"" $3 "\""; bad = 1 }
	END {
		for (key in want)
			if (key ~ /^own/ && !(key in seen)) {
				print "in the list, not built: " key
				bad = 1
			}
		printf "%d verified, %d refused, of these %d for what this kernel lacks\n", count[1], count[0], lacking
		exit bad
	}' "$LIST" "$T/got" >"$T/differences" || fail "verdicts differ from tests/data/thirdparty.list"
cat "$T/differences"
exit 0
