#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# expose_user.sh - a user without privileges reads a view they were given, and nothing else: no 0600 entry, no writing, removing, pinning, no program of
# their own. With and without being a client of the service.
. "$SRC/tests/e2e/lib.sh"
. "$SRC/tests/e2e/cg.sh"
need_fuse
[ "$(id -u)" = 0 ] || skip "two users need root"
need_groups
user_dirs
chmod 711 "$XDG_RUNTIME_DIR"
start -- --allow-uid 1000 --unpriv 0
views
ub bpftool map create /sys/fs/bpf/u type array key 4 value 4 entries 1 name u
g=$host/u
mkdir "$g"
expose --mode 0444 /sys/fs/bpf/v/group "$g/given"
expose --mode 0600 /sys/fs/bpf/v/group "$g/secret"
expose --mode 0640 /sys/fs/bpf/v/group "$g/team"
expose --mode 0644 /sys/fs/bpf/u "$g/map" || fail "expose"
m=$(mirror "$T/mnt1")/u
id=$(id_of "$g")

# through a mount, as anybody
same "the view they were given" "$id" "$(as_user cut -d' ' -f1 "$m/given")"
same "list" "given map secret team" "$(as_user ls "$m" | xargs)"
for t in "EACCES read secret" "EACCES read team" "EACCES open secret r" "EACCES open given w" "EACCES open given rw" "EACCES write given rm" "EACCES write map rm" \
	"EIO read map" "EACCES unlink given" "EACCES mkdir new" "EACCES rmdir ."; do
	set -- $t
	want=$1 op=$2 file=$3
	shift 3
	[ "$file" != . ] || { want=EINVAL; }
	same "$op $file $*" "$want" "$(as_user "$ex" "$op" "$m/$file" "$@")"
done
as_user chmod 666 "$m/given" 2>/dev/null && fail "chmod of a file that is not theirs"
as_user chown 1000 "$m/given" 2>/dev/null && fail "chown of a file that is not theirs"
chgrp 4242 "$m/team"
in_team() { setpriv --reuid 1000 --regid 1000 --groups "$1" --inh-caps=-all --bounding-set=-all "$ex" "$2" "$m/team" $3; }
same "supplementary groups: none" EACCES "$(as_user "$ex" read "$m/team")"
same "others" EACCES "$(in_team 1000,4241,4243 open r)"
same "the one" ok "$(in_team 1000,4242,4243 open r)"
same "for what its bits say" EACCES "$(in_team 4242 open w)"
chmod 604 "$m/team"
same "members have less than others" "EACCES ok" "$(in_team 4242 open r) $(in_team 4241 open r)"
chmod 640 "$m/team"

# as a client of the service whom it lets in
printf '%s\n' 'mknod -m 666 "$T/fuse" c 10 229 && mount --bind "$T/fuse" /dev/fuse || exit 77; exec "$@"' >"$T/open_fuse"
client() {
	T=$T unshare -m --propagation private sh "$T/open_fuse" setpriv --reuid 1000 --regid 1000 --clear-groups \
		env HOME="$T/home" TMPDIR="$T/home" XDG_RUNTIME_DIR="$T/run1000" "$USERBPF" run --dir "$RT" -- "$@" 2>"$T/err"
	status=$?
	rm -f "$T/fuse"
	return $status
}
same "the view" "$id" "$(client cut -d' ' -f1 "$g/given")"
same "0600" EACCES "$(client "$ex" read "$g/secret")"
same "write" EACCES "$(client "$ex" write "$g/given" rm)"
same "load" EPERM "$(client "$view" load "$OBJ/view.bpf.o" group)"
client bpftool map create /sys/fs/bpf/theirs type array key 4 value 4 entries 1 name theirs || fail "a map of their own: $(cat "$T/err")"
same "pin" EACCES "$(client "$ex" pin /sys/fs/bpf/theirs "$g/theirs")"
same "pin what is not theirs" "cannot get /sys/fs/bpf/v/group: EACCES" "$(client "$ex" pin /sys/fs/bpf/v/group "$g/theirs")"
same "the link behind the file" EACCES "$(client "$ex" get "$g/given")"
client "$ex" unlink /sys/fs/bpf/v/group >"$T/out" && fail "another user removes the pin"
same "it is still there" "$id" "$(as_user cut -d' ' -f1 "$m/given")"

# what is given away is theirs
chown 1000 "$m/map"
chmod 600 "$m/map"
same "given away: remove" ok "$(as_user "$ex" write "$m/map" rm)"
umount "$T/mnt1"
end_service
