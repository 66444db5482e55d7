#!/bin/sh
# SPDX-License-Identifier: MIT
# What the tests of the command share. A test sources this with the path of the command as $1, makes
# its checks, and ends with `done_testing`. Output is TAP; files go to the current directory, which
# is a temporary one.
set -u

belfry=$(realpath "$1")
LC_ALL=C.UTF-8
export LC_ALL
unset LOGV BELFRY_DEV 2>/dev/null || :
nr=0
nr_failed=0
work=$(mktemp -d)
trap 'cd /; rm -rf "$work"' EXIT
cd "$work" || exit 1
XDG_RUNTIME_DIR=$work # what is published
export XDG_RUNTIME_DIR

# check NAME COMMAND...: one test, passed if the command succeeds.
check() {
	name=$1
	shift
	nr=$((nr + 1))
	if "$@" >check.out 2>&1; then
		echo "ok $nr - $name"
	else
		nr_failed=$((nr_failed + 1))
		echo "not ok $nr - $name"
		sed 's/^/# /' check.out
	fi
}

# run STATUS ARGUMENT...: the command ends with this status; what it says is in out and err.
run() {
	want=$1
	shift
	"$belfry" "$@" >out 2>err
	got=$?
	[ "$got" -eq "$want" ] && return 0
	echo "belfry $*: status $got, not $want"
	cat err
	return 1
}

# says TEXT: it is in what the command printed; complains TEXT: on standard error.
says() {
	grep -qF -- "$1" out || { echo "no '$1' in:"; cat out; return 1; }
}

complains() {
	grep -qF -- "$1" err || { echo "no '$1' in:"; cat err; return 1; }
}

# run_says TEXT ARGUMENT...: it succeeds and prints this; run_complains STATUS TEXT ARGUMENT...: it
# fails and complains of this.
run_says() {
	text=$1
	shift
	run 0 "$@" && says "$text"
}

run_complains() {
	status=$1
	text=$2
	shift 2
	run "$status" "$@" && complains "$text"
}

# wrong TEXT ARGUMENT...: usage error: status 2, nothing printed, one line that has this text.
wrong() {
	text=$1
	shift
	run 2 "$@" || return 1
	[ -s out ] && { echo "it printed:"; cat out; return 1; }
	[ "$(wc -l <err)" -eq 1 ] || { echo "not one line:"; cat err; return 1; }
	complains "$text"
}

# json EXPRESSION ARGUMENT...: it succeeds, prints JSON, and the expression of d is true.
json() {
	expression=$1
	shift
	run 0 "$@" --json && is_json "$expression"
}

is_json() {
	python3 - "$1" <<-'END'
		import json, sys
		with open('out', encoding='utf-8') as file:
		    d = json.load(file)
		if not eval('(' + sys.argv[1] + ')'):
		    print('false:', sys.argv[1])
		    print(json.dumps(d, indent=1)[:4000])
		    sys.exit(1)
	END
}

done_testing() {
	echo "1..$nr"
	[ "$nr_failed" -eq 0 ]
	exit
}
