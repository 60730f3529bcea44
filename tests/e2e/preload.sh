#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# preload.sh - every bpffs instance holds progs.debug and maps.debug (seed: "Populate bpffs with map and prog iterators").
. "$SRC/tests/e2e/lib.sh"
need_fuse
start
mkdir "$T/mnt1" "$T/mnt2"
if [ "$(id -u)" != 0 ] && ! command -v fusermount3 >/dev/null; then skip "mounting needs root or fusermount3"; fi

check "mount the first instance" "$USERBPF" mount --dir "$RT" bpffs "$T/mnt1"
check "mount the second instance" "$USERBPF" mount --dir "$RT" bpffs "$T/mnt2" -o mode=0755,preload=0644
same "files of the first" "maps.debug progs.debug" "$(ls "$T/mnt1" | xargs)"
same "files of the second" "maps.debug progs.debug" "$(ls "$T/mnt2" | xargs)"
same "root mode" "1777 1755" "$(stat -c %a "$T/mnt1" "$T/mnt2" | xargs)"
same "file modes" "600 600 644 644" "$(stat -c %a "$T"/mnt1/*.debug "$T"/mnt2/*.debug | xargs)"
same "no driver process is left" "" "$(pgrep -f "$BUILD/src/preload/" -x 2>/dev/null)"

# the formats of the kernel: "  id name             attached", "%4u %-16s %s %s"; "  id name             max_entries", "%4u %-16s%6d"
for m in "$T/mnt1" "$T/mnt2"; do
	same "progs.debug title" "  id name             attached" "$(sed -n 1p "$m/progs.debug")"
	same "maps.debug title" "  id name             max_entries" "$(sed -n 1p "$m/maps.debug")"
	grep -qE '^ *[0-9]+ dump_bpf_map +bpf_iter_bpf_map $' "$m/progs.debug" || fail "dump_bpf_map line: $(cat "$m/progs.debug")"
	grep -qE '^ *[0-9]+ dump_bpf_prog +bpf_iter_bpf_prog $' "$m/progs.debug" || fail "dump_bpf_prog line"
	grep -qE '^ {0,3}[0-9]+ [^ ]{1,16} *[0-9]+$' "$m/maps.debug" || fail "maps.debug line: $(cat "$m/maps.debug")"
done
ub bpftool prog loadall "$OBJ/sample.bpf.o" /sys/fs/bpf/s || fail "loadall"
ub bpftool map create /sys/fs/bpf/m type hash key 4 value 8 entries 77 name seventyseven || fail "map create"
id=$(ub bpftool map show name seventyseven | sed -n 's/:.*//p')
same "a map's line" "$(printf '%4u %-16s%6d' "$id" seventyseven 77)" "$(grep seventyseven "$T/mnt1/maps.debug")"
id=$(ub bpftool prog show name count_packets | sed -n 's/^\([0-9]*\):.*/\1/p')
same "a program's line" "$(printf '%4u %-16s %s %s' "$id" count_packets '' '')" "$(grep count_packets "$T/mnt2/progs.debug")"

# long names come whole out of BTF
check "load a long name" ub bpftool prog loadall "$OBJ/longname.bpf.o" /sys/fs/bpf/l
grep -q 'a_program_whose_name_is_longer_than_sixteen' "$T/mnt1/progs.debug" || fail "full BTF name"

# rm frees everything: links, programs, maps, BTF
before=$(ub bpftool link show | grep -c iter)
rm "$T"/mnt1/*.debug "$T"/mnt2/*.debug
same "an empty instance" "" "$(ls "$T/mnt1")"
ub rm /sys/fs/bpf/progs.debug /sys/fs/bpf/maps.debug 2>/dev/null
sleep 0.3
same "no iterator link is left (there were $before)" "0" "$(ub sh -c 'rm -f /sys/fs/bpf/*.debug; bpftool link show | grep -c iter')"

# remount restores what was removed, and only that
"$USERBPF" mount --dir "$RT" -o remount "$T/mnt1" || fail "remount"
same "restored" "maps.debug progs.debug" "$(ls "$T/mnt1" | xargs)"
same "still empty" "" "$(ls "$T/mnt2")"
sed -n 1p "$T/mnt1/progs.debug" | grep -q attached || fail "restored file reads"
# several readers, each its own position
exec 3<"$T/mnt1/maps.debug" 4<"$T/mnt1/maps.debug"
same "two readers" "$(cat <&3)" "$(cat <&4)"
exec 3<&- 4<&-
umount "$T/mnt1" "$T/mnt2" 2>/dev/null || { "$USERBPF" umount "$T/mnt1"; "$USERBPF" umount "$T/mnt2"; }
