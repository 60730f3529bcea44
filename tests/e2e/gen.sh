#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# gen - `userbpf gen`: what it takes, what it refuses and how it says so; the same input gives the same file; nobody's privilege is needed.
. "$SRC/tests/e2e/lib.sh"
gen() { "$USERBPF" gen "$@" 2>&1; }
# refused WHAT STATUS PATTERN ARG...: one line with that in it
refused() {
	what=$1 status=$2 pattern=$3
	shift 3
	text=$(gen "$@")
	same "$what: status" "$status" $?
	same "$what: lines" 1 "$(printf '%s\n' "$text" | wc -l)"
	case $text in
	"userbpf: gen"*$pattern*) ;;
	*) fail "$what: $text" ;;
	esac
}
cd "$T"

refused "no object" 2 "want one object" loader
refused "no kind" 2 "want loader or skeleton"
refused "unknown kind" 2 "want loader or skeleton" thing x
refused "no such file" 2 "cannot read" loader nix.bpf.o
refused "no -L" 2 "want -L" skeleton "$OBJ/plain.bpf.o"
refused "language" 2 "want c" skeleton -L --lang cobol "$OBJ/plain.bpf.o"
refused "bad name" 2 "letters" loader "$OBJ/plain.bpf.o" name a-b
refused "no ELF" 1 "not an ELF object" loader "$SRC/tests/e2e/gen.sh"
head -c 3000 "$OBJ/plain.bpf.o" >cut.bpf.o
refused "cut off" 1 "cut.bpf.o: " loader cut.bpf.o
refused "byte order" 1 "other byte order" loader "$OBJ/gen/otherorder.bpf.o"
refused "pinned map" 1 "map shared is pinned by name" loader "$OBJ/gen/pinned.bpf.o"
refused "struct_ops" 1 "load the object with libbpf" loader "$OBJ/gen/struct_ops.bpf.o"
refused "no target" 1 'SEC("fentry") names no target' loader "$OBJ/gen/notarget.bpf.o"
refused "freplace" 1 'SEC("?freplace' loader "$OBJ/ext.bpf.o"
refused "directory" 1 "cannot write" loader "$OBJ/plain.bpf.o" -o "$T/nix/x.loader"
ln -s /dev/full full
refused "full" 1 "cannot write full: No space" loader "$OBJ/plain.bpf.o" -o full
refused "full" 1 "cannot write full: No space" skeleton -L "$OBJ/plain.bpf.o" -o full
same "closed" "userbpf: gen: cannot write standard output: Bad file descriptor" "$("$USERBPF" gen skeleton -L "$OBJ/plain.bpf.o" 2>&1 >&-)"
[ -L full ] || fail "a device was removed"
rm full
refused "word" 1 "word of C" skeleton -L "$OBJ/plain.bpf.o" name class
cp "$OBJ/sample.bpf.o" 5-sample.bpf.o
gen skeleton -L 5-sample.bpf.o | grep -q '^struct _5_sample {' || fail "a file's name that is none of C"
rm 5-sample.bpf.o
same "files left" cut.bpf.o "$(ls | grep -v '^run$')"

check "default name" "$USERBPF" gen loader "$OBJ/plain.bpf.o"
[ -s plain.loader ] || fail "no plain.loader"
# Neither time, place nor addresses are in it.
cp "$OBJ/plain.bpf.o" "$T/plain.bpf.o"
check "again" setarch -R "$USERBPF" gen loader plain.bpf.o -o again.loader
cmp plain.loader again.loader || fail "two runs differ"
check "named" "$USERBPF" gen loader "$OBJ/plain.bpf.o" name other -o named.loader
grep -q other named.loader || fail "the name is not in it"

if [ "$(id -u)" = 0 ]; then
	user_dirs
	check "as a user" as_user "$USERBPF" gen loader "$OBJ/lskel/tracing.bpf.o" -o "$T/home/x.loader"
fi
