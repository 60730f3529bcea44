#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# preload_fail.sh - a driver that fails, lies, hangs or is not there leaves an empty bpffs that works, one line of reason in `userbpf status`, and a service
# that serves.
. "$SRC/tests/e2e/lib.sh"

driver() { # NAME: makes $T/NAME of stdin
	{ echo '#!/bin/sh'; cat; } >"$T/$1"
	chmod +x "$T/$1"
}
preload_of() { "$USERBPF" status --dir "$RT" | sed -n 's/^preload  *//p'; }
settled() { [ "$(preload_of)" != running ]; }
# try WHAT DRIVER REASON: REASON is a pattern the line has to match
try() {
	start -- --preload "$2"
	pid=$(service_pid)
	check "$1: bpf(2) while the driver runs" ub bpftool map create /sys/fs/bpf/early type array key 4 value 4 entries 1 name early
	wait_for 15 settled || fail "$1: still running"
	preload_of >"$T/reason"
	same "$1: lines of the reason" 1 "$(wc -l <"$T/reason")"
	same "$1: lines of the status" 7 "$("$USERBPF" status --dir "$RT" | wc -l)"
	grep -qE "^failed: $3" "$T/reason" || fail "$1: the reason is '$(cat "$T/reason")'"
	LC_ALL=C grep -q '[^ -~]' "$T/reason" && fail "$1: control characters in the reason"
	"$USERBPF" status --dir "$RT" --json >"$T/json"
	if command -v python3 >/dev/null; then
		python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$T/json" 2>/dev/null || fail "$1: the JSON status is none: $(cat "$T/json")"
	fi
	same "$1: files" early "$("$USERBPF" ls --dir "$RT" | xargs)"
	if [ -w /dev/fuse ] && [ "$(id -u)" = 0 ]; then
		mkdir "$T/mnt"
		check "$1: mount" timeout 15 "$USERBPF" mount --dir "$RT" bpffs "$T/mnt"
		same "$1: files of a new instance" "" "$(ls -A "$T/mnt")"
		check "$1: a directory in it" mkdir "$T/mnt/d"
		check "$1: umount" umount "$T/mnt"
		rmdir "$T/mnt"
	fi
	check "$1: bpf(2)" ub bpftool map create /sys/fs/bpf/m type array key 4 value 4 entries 1 name m
	same "$1: the same service" "$pid" "$(service_pid)"
	same "$1: children left" "" "$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)"
	check "$1: down" "$USERBPF" down --dir "$RT"
}

try "/bin/false" /bin/false 'the built-in iterators: driver gave no links$'
try "a driver that is not there" /nonexistent/driver '/nonexistent/driver cannot be started$'
try "a driver that is no program" /etc/passwd '/etc/passwd cannot be started$'
driver dies <<'Y'
kill -SEGV $$
Y
try "a driver that crashes" "$T/dies" '.*signal 11$'
driver garbage <<'Y'
head -c 100000 /dev/urandom >&3 2>/dev/null # nobody reads to the end
Y
try "a driver that writes garbage" "$T/garbage" 'the built-in iterators: '
driver nonsense <<'Y'
printf 'one line\n\033[31mand a \001last\ttry\n\n' >&2
echo 'hello' >&3
exit 1
Y
try "a driver that says why" "$T/nonsense" '.*last.*try$'
driver liar <<'Y'
echo 'link 4711 maps.debug' >&3
Y
try "a driver that names no link" "$T/liar" 'maps.debug: cannot be pinned: '
for name in . .. a/b ''; do
	echo "echo 'link 1 $name' >&3" | driver names
	try "a driver with the file name '$name'" "$T/names" '.*: '
done
driver half <<'Y'
printf 'link 1' >&3
Y
try "a driver that stops half-way" "$T/half" '.*: '
driver hangs <<'Y'
exec sleep 100
Y
try "a driver that hangs" "$T/hangs" 'the built-in iterators: no answer within'

# remount tries again
printf '#!/bin/sh\n[ -e "%s/good" ] || exit 1\nexec "%s" "$@"\n' "$T" "$BUILD/src/preload/userbpf-preload" >"$T/again"
chmod +x "$T/again"
if [ -w /dev/fuse ] && [ "$(id -u)" = 0 ]; then
	start -- --preload "$T/again"
	mkdir "$T/mnt"
	check "mount" "$USERBPF" mount --dir "$RT" bpffs "$T/mnt"
	same "no file" "" "$(ls "$T/mnt")"
	touch "$T/good"
	check "remount" "$USERBPF" mount --dir "$RT" -o remount "$T/mnt"
	same "files after the remount" "" "$(ls "$T/mnt" | grep -vx 'maps.debug\|progs.debug')"
	preload_of | grep -q '^2 of 2 links alive$' || fail "status after the remount: $(preload_of)"
	umount "$T/mnt"
fi
