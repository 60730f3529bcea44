#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# preload_sets.sh - a directory of further preload sets: the iterators of every *.bpf.o and *.loader in it are files of every new instance.
. "$SRC/tests/e2e/lib.sh"
need_fuse
mkdir "$T/sets"
cp "$OBJ/iter.bpf.o" "$T/sets/10-maps.bpf.o"
cp "$OBJ/plain.bpf.o" "$T/sets/README" # another name: no set
names=$(bpftool btf dump file "$OBJ/iter.bpf.o" 2>/dev/null | sed -n "s/.*FUNC '\([^']*\)'.*linkage=.*/\1/p" | grep -v '^bpf_iter_' | sort)
[ -n "$names" ] || { fail "iter.bpf.o has no program"; exit 1; }
start -- --preload-dir "$T/sets"
all=$(printf '%s\nmaps.debug\nprogs.debug\n' "$names" | sort | xargs)
same "files of the first instance" "$all" "$(ub ls /sys/fs/bpf | sort | xargs)"
check "a map to show" ub bpftool map create /sys/fs/bpf/shown type hash key 4 value 8 entries 9 name shown_map
for n in $names; do
	ub cat "/sys/fs/bpf/$n" >"$T/out" 2>"$T/err" || fail "cat $n: $(cat "$T/err")"
	[ -s "$T/out" ] || fail "$n is empty"
done
grep -q shown_map "$T/out" || fail "the last set does not print the map: $(cat "$T/out")"
same "modes" "600" "$(ub sh -c 'stat -c %a /sys/fs/bpf/*.debug /sys/fs/bpf/'"$(echo "$names" | head -1)" | sort -u)"
if [ "$(id -u)" = 0 ]; then
	mkdir "$T/mnt1" "$T/mnt2"
	for m in "$T/mnt1" "$T/mnt2"; do
		check "mount" "$USERBPF" mount --dir "$RT" bpffs "$m" -o preload=0644
		same "files of $m" "$all" "$(ls "$m" | sort | xargs)"
		for n in $names; do
			grep -q shown_map "$m/$n" || fail "$m/$n"
		done
		same "modes of $m" "644" "$(stat -c %a "$m"/* | sort -u)"
	done
	# what is removed comes back by remount, in that instance only
	n=$(echo "$names" | head -1)
	rm "$T/mnt1/$n" "$T/mnt2/$n"
	check "remount" "$USERBPF" mount --dir "$RT" -o remount "$T/mnt1"
	same "restored" "$all" "$(ls "$T/mnt1" | sort | xargs)"
	[ -e "$T/mnt2/$n" ] && fail "the other instance was filled as well"
	umount "$T/mnt1" "$T/mnt2"
fi
check "down" "$USERBPF" down --dir "$RT"

# a set that cannot be loaded costs its own files only, and says so
cp "$OBJ/plain.bpf.o" "$T/sets/20-no-iterator.bpf.o"
echo garbage >"$T/sets/30-garbage.bpf.o"
start -- --preload-dir "$T/sets"
same "files beside broken sets" "$all" "$(ub ls /sys/fs/bpf | sort | xargs)"
"$USERBPF" status --dir "$RT" | grep -q '^preload  *failed: .*\(20-no-iterator\|30-garbage\).bpf.o' || fail "status: $("$USERBPF" status --dir "$RT" | grep ^preload)"
check "down" "$USERBPF" down --dir "$RT"

# a set can be a loader file; for that, as for what is built in, the driver needs no libbpf
mkdir "$T/loaders"
"$USERBPF" gen loader "$OBJ/lskel/iter.bpf.o" -o "$T/loaders/more.loader" || fail "gen loader"
start -- --preload-dir "$T/loaders"
same "files of a loader" "dump_map dump_prog maps.debug progs.debug" "$(ub ls /sys/fs/bpf | sort | xargs)"
ub cat /sys/fs/bpf/dump_prog | grep -q '^prog [0-9]* len [0-9]*$' || fail "dump_prog of the loader"
check "down" "$USERBPF" down --dir "$RT"
if command -v ldd >/dev/null; then
	ldd "$BUILD/src/preload/userbpf-preload" | grep -e libbpf -e libelf && fail "the driver links libbpf"
fi

# a directory that is not there
start -- --preload-dir "$T/nowhere"
same "files without the directory" "maps.debug progs.debug" "$(ub ls /sys/fs/bpf | xargs)"
"$USERBPF" status --dir "$RT" | grep -q '^preload  *failed: .*nowhere: No such file' || fail "status: $("$USERBPF" status --dir "$RT" | grep ^preload)"
