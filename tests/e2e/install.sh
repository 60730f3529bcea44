#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# install.sh - `make install` into a DESTDIR: everything is there, works from where it will be (a private mount namespace shows the tree at its prefix), and
# a program builds against the installed libuserbpf with pkg-config.
. "$SRC/tests/e2e/lib.sh"
command -v meson >/dev/null || skip "meson is missing"
[ -w "$BUILD/meson-logs" ] || skip "meson install writes its log to $BUILD, which is somebody else's"
DESTDIR=$T/dest meson install -C "$BUILD" --no-rebuild >"$T/log" 2>&1 || { fail "meson install"; tail "$T/log"; exit 1; }
prefix=$(cd "$T/dest" && find . -path '*/bin/userbpf' | sed 's|^\.||; s|/bin/userbpf$||')
[ -n "$prefix" ] || { fail "no bin/userbpf"; exit 1; }
tree=$T/dest$prefix
have() { find "$tree" -path "$1" | grep -q . || fail "not installed: $1"; }
for f in '*/bin/userbpf' '*/libexec/userbpf/userbpfd' '*/libexec/userbpf/userbpf-preload' '*/libexec/userbpf/userbpf-verify' '*/userbpf/libuserbpf-preload.so' '*/share/userbpf/vmlinux.btf' \
	'*/share/userbpf/iterators.bpf.o' '*/include/userbpf.h' '*/libuserbpf.so' '*/libuserbpf.a' '*/pkgconfig/userbpf.pc'; do
	have "$f"
done
if command -v scdoc >/dev/null; then
	for m in man1/userbpf.1 man8/userbpfd.8 man3/libuserbpf.3 man8/userbpf-preload.8; do
		have "*/share/man/$m*"
	done
	if command -v man >/dev/null; then
		for page in $(find "$tree/share/man" -type f); do
			MANWIDTH=100 man --warnings -l "$page" >"$T/page" 2>"$T/err" || fail "man $page"
			[ -s "$T/err" ] && fail "man $page: $(head -3 "$T/err")"
		done
	fi
fi
grep -rIl "$BUILD" "$tree" 2>/dev/null | grep . && fail "these name the build directory"
same "files others may not read" "" "$(find "$tree" -type f ! -perm -444)"

# in place; what /usr/local holds otherwise is out of sight there
cat >"$T/inside" <<'Y'
set -e
mkdir -p "$2" 2>/dev/null || :
mount --bind "$1" "$2"
PATH=$2/bin:$PATH
cd /
userbpf version
exec sh -c "$3"
Y
ns=unshare
[ "$(id -u)" = 0 ] || ns='unshare -Ur'
inside() { $ns -m --propagation private sh "$T/inside" "$tree" "$prefix" "$1"; }
if inside : >"$T/out" 2>&1; then
	inside 'userbpf run -- sh -c "cat /sys/fs/bpf/progs.debug || userbpf cat /sys/fs/bpf/progs.debug; bpftool btf dump file /sys/kernel/btf/vmlinux format c | head -1"' \
		>"$T/out" 2>&1 || fail "userbpf run from the installed tree"
	grep -q 'dump_bpf_prog' "$T/out" || fail "no preloaded iterators in the installed tree: $(cat "$T/out")"
	grep -q '__VMLINUX_H__' "$T/out" || fail "no types in the installed tree: $(cat "$T/out")"
	inside "userbpf verify $prefix/share/userbpf/iterators.bpf.o" >"$T/out" 2>&1 || fail "userbpf verify from the installed tree: $(cat "$T/out")"
	inside "userbpf up --dir '$T/rt2' && userbpf status --dir '$T/rt2' && userbpf down --dir '$T/rt2'" >"$T/out" 2>&1 || fail "up, status, down from the installed tree: $(cat "$T/out")"
	grep -q '^preload' "$T/out" || fail "status: $(cat "$T/out")"
else
	echo "no mount namespace to show the tree in: $(tail -1 "$T/out")"
fi

# the example against the installed library
command -v pkg-config >/dev/null || { echo "no pkg-config: the example is not built"; exit; }
cc=$(command -v cc || command -v gcc) || { echo "no compiler: the example is not built"; exit; }
pc=$(dirname "$(find "$tree" -name userbpf.pc)")
# what links a sanitizer build's library wants the sanitizers, too
nm -D "$(dirname "$pc")/libuserbpf.so" 2>/dev/null | grep -q __asan_ && cc="$cc -fsanitize=address,undefined"
flags() { PKG_CONFIG_PATH=$pc PKG_CONFIG_SYSROOT_DIR=${2-} pkg-config --define-variable=prefix="$tree" $1 userbpf; }
same "version" "$("$USERBPF" version | sed 's/userbpf \([^ ]*\).*/\1/')" "$(PKG_CONFIG_PATH=$pc pkg-config --modversion userbpf)"
$cc -Wall -Werror "$SRC/examples/embed/embed.c" $(flags '--cflags --libs') -o "$T/embed" 2>"$T/err" || fail "embed.c against the installed library: $(head -5 "$T/err")"
lib=$(dirname "$(find "$tree" -name libuserbpf.so)")
LD_LIBRARY_PATH=$lib "$T/embed" >"$T/out" 2>&1 || fail "embed: $(cat "$T/out")"
same "embed says the same as in the build tree" "$("$BUILD/examples/embed/embed")" "$(cat "$T/out")"
# linked statically with the library
$cc -Wall -Werror "$SRC/examples/embed/embed.c" $(flags --cflags) "$lib/libuserbpf.a" $(flags '--libs --static' | tr ' ' '\n' | grep -v -e '-luserbpf' | xargs) \
	-lpthread -o "$T/embed_static" 2>"$T/err" || fail "embed.c with libuserbpf.a: $(head -5 "$T/err")"
[ ! -x "$T/embed_static" ] || same "embed with libuserbpf.a" "$(cat "$T/out")" "$("$T/embed_static" 2>&1)"
# nothing but the API is exported
same "exported names" "" "$(nm -D --defined-only "$lib/libuserbpf.so" | sed 's/.* //; s/@.*//' | grep -v '^userbpf_\|^USERBPF\|^LIBUSERBPF' | xargs)"
# the header stands alone, in C and C++
printf '#include <userbpf.h>\nint main(void) { return userbpf_open == 0; }\n' >"$T/h.c"
$cc -Wall -Wextra -Wpedantic -std=c11 -fsyntax-only $(flags --cflags) "$T/h.c" 2>"$T/err" || fail "userbpf.h in C: $(head -3 "$T/err")"
if command -v c++ >/dev/null; then
	c++ -Wall -fsyntax-only -x c++ $(flags --cflags) "$T/h.c" 2>"$T/err" || fail "userbpf.h in C++: $(head -3 "$T/err")"
fi
