#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# docs.sh - the man pages name every command, option and function there is, and none that is not there.
. "$SRC/tests/e2e/lib.sh"
docs=$SRC/docs
plain() { sed 's/[*\\]//g' "$1"; }
named() { # PAGE WORD...
	page=$1
	shift
	plain "$docs/$page.scd" >"$T/page"
	for w; do
		grep -qE -- "(^|[^a-zA-Z0-9-])$w($|[^a-zA-Z0-9-])" "$T/page" || fail "$page does not name $w"
	done
}
commands=$("$USERBPF" help | sed -n 's/^  \([a-z]*\)  *[a-z].*/\1/p')
[ -n "$commands" ] || fail "userbpf help lists no command"
named userbpf.1 $commands $(grep -ohE 'getenv\("(USERBPF|XDG)[A-Z_]*"' "$SRC"/src/cli/*.c "$SRC"/src/shim/*.c | sed 's/.*"\(.*\)"/\1/' | sort -u)
options=$("$BUILD/src/daemon/userbpfd" --help | grep -o -e '--[a-z-]*' | sort -u)
[ -n "$options" ] || fail "userbpfd --help lists no option"
named userbpfd.8 $options
for o in $(plain "$docs/userbpfd.8.scd" | sed -n '/^OPTIONS\|^# OPTIONS/,/^# SIGNALS/p' | grep -o -e '^--[a-z-]*'); do
	case " $(echo "$options" | xargs) --version --help " in *" $o "*) continue ;; esac
	fail "userbpfd.8 names $o, which userbpfd does not"
done
named libuserbpf.3 $(grep '^USERBPF_API' "$SRC/include/userbpf.h" | grep -o 'userbpf_[a-z_]*(' | tr -d '(') \
	$(sed -n '/^struct userbpf_options {/,/^}/{s|/\*.*||;p}' "$SRC/include/userbpf.h" | grep -o '[a-z_]*;\|\*[a-z_]*)(' | tr -d '*;)(')
named userbpf-preload.8 $(grep -o 'getenv("[A-Z_]*")' "$SRC/src/preload/preload.c" | sed 's/.*"\(.*\)".*/\1/')
named userbpf-view.7 $(sed -n 's/^#define \(BPF_TRACE_[A-Z_]*\).*/\1/p' "$SRC/include/userbpf/view.h") $(sed -n 's/^VIEW_TARGET(\([a-z]*\),.*/view\/\1/p' "$SRC/src/link/view_targets.def") \
	$(sed -n 's/^KFUNC(\(bpf_[a-z_]*\), OBJS.*/\1/p' "$SRC/src/helper/kfuncs.def")
if command -v scdoc >/dev/null; then
	for p in "$docs"/*.scd; do
		scdoc <"$p" >"$T/out" 2>"$T/err" || fail "scdoc $p: $(cat "$T/err")"
		if command -v groff >/dev/null; then
			groff -man -ww -Tutf8 "$T/out" 2>"$T/err" >/dev/null
			[ ! -s "$T/err" ] || fail "groff $p: $(head -3 "$T/err")"
		fi
	done
fi
