#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# view_write.sh - programs that take what is written to a group's file, and wake who polls it.
. "$SRC/tests/e2e/lib.sh"
. "$SRC/tests/e2e/cg.sh"
need_fuse
need_groups
[ "$(id -u)" = 0 ] || skip "two users need root"
user_dirs
watch_leaks
start
B=/sys/fs/bpf/w
mkdir "$host/a" "$host/b"
ub mkdir $B
ub "$BUILD/tests/e2e/view_write" "$OBJ/control.bpf.o" $B "$host/a" "$host/b" "$(id_of "$host/a")" >"$T/out" 2>&1 || fail "the sequence:"
cat "$T/out"
same "beyond" OK "$(ub "$view" load "$OBJ/control.bpf.o" beyond)"
for t in "EACCES beyond" "EACCES scribble" "EINVAL show" "ENOENT unknown" "EINVAL awake"; do
	same "${t#* }" "${t% *}" "$(ub "$view" attach "$OBJ/control.bpf.o" "${t#* }")"
done
same "userbpf verify" "6 4" "$("$USERBPF" verify "$OBJ/control.bpf.o" | awk '/^verified/ { v++ } /^refused/ { r++ } END { print v, r }')"
# others write, too, and may not end the file with a word
m=$(mirror "$T/mnt1")
same "a user writes" "ok" "$(as_user "$ex" write "$m/a/limit" 9)"
same "who it was" "9 uid 1000" "$(as_user cat "$m/a/limit")"
same "rm is data for them" "EINVAL" "$(as_user "$ex" write "$m/a/limit" rm)"
same "what the program says" "ERANGE" "$(as_user "$ex" write "$m/a/limit" 5000)"
same "a user polls" "waiting changed" "$("$ex" poll "$m/a/limit" >"$T/poll" & wait_for 5 grep -q waiting "$T/poll"; "$ex" write "$m/a/limit" 10 >/dev/null; wait; xargs <"$T/poll")"
"$USERBPF" view why --dir "$RT" "$host/a/limit" | grep -q "^writes go to: [0-9]* set_limit" || fail "view why"
ub rm $B/writer
same "without the program" "EINVAL" "$(as_user "$ex" write "$m/a/limit" 9)"
same "the view stays" "10 uid 0" "$(cat "$m/a/limit")"
umount "$T/mnt1"
ub rm -r $B
same "nothing is left" 0 "$(ub sh -c 'bpftool prog show | grep -c "set_limit\|name limit"')"
end_service
