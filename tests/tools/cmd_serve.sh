#!/bin/sh
# SPDX-License-Identifier: MIT
# belfry serve: controllers for the command itself, in another process; what is written stays written,
# whoever is killed.
# shellcheck disable=SC2317 # check runs the functions
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"

server=
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; cd /; rm -rf "$work"' EXIT

# start ARGUMENT...: a server in the background, ready when it returns.
start() {
	: >served
	"$belfry" serve "$@" >served 2>served.err &
	server=$!
	tries=0
	until [ "$(grep -c '^serving' served)" -gt 0 ]; do
		tries=$((tries + 1))
		if [ "$tries" -gt 200 ]; then
			cat served.err
			return 1
		fi
		sleep 0.1
	done
}

# stop SIGNAL STATUS: the server ends so.
stop() {
	kill "-$1" "$server"
	wait "$server" 2>/dev/null
	got=$?
	server=
	[ "$got" -eq "$2" ] && return 0
	echo "status $got, not $2"
	cat served.err
	return 1
}

# copies SOCKET ARGUMENT...: a file goes to the controller and comes back.
copies() {
	socket=$1
	shift
	start emu:size=4M --socket "$socket" "$@" &&
		run 0 write "vfio-user:$socket" --input data --size 1M --serial BELFRY0001 &&
		run 0 read "vfio-user:$socket" --output back --size 1M &&
		cmp data back && stop TERM 0 && [ ! -e "$socket" ]
}

two_controllers() {
	start emu:size=4M,serial=FIRST emu:size=8M,serial=SECOND -s one -s two &&
		run_says SECOND identify vfio-user:two &&
		run_says FIRST identify vfio-user:one && stop INT 0 && [ ! -e one ] && [ ! -e two ]
}

mode_is_0600() {
	start emu:size=4M -s sock && [ "$(stat -c %a sock)" = 600 ] && stop TERM 0
}

# The client is killed in the middle of its load, five times; the server goes on.
killed_clients() {
	start emu:size=16M -s sock || return 1
	for delay in 0.02 0.05 0.1 0.2 0.4; do
		"$belfry" perf vfio-user:sock --pattern mix --serial BELFRY0001 --runtime 20s >/dev/null 2>&1 &
		client=$!
		sleep "$delay"
		kill -9 "$client"
		wait "$client" 2>/dev/null
		run_says BELFRY0001 identify vfio-user:sock || return 1
	done
	stop TERM 0
}

# What a flush has answered for is in the file, though the server is killed at once.
killed_server() {
	start emu:file=image,size=4M -s sock &&
		run 0 write vfio-user:sock --input data --size 1M --serial BELFRY0001 &&
		stop KILL 137 && [ -S sock ] && cmp -n 1048576 data image &&
		start emu:file=image,size=4M -s sock && # in place of the socket that was left
		run 0 read vfio-user:sock --output back --size 1M && cmp data back && stop TERM 0
}

# With -v it tells of clients: in the command's form, one line each.
verbose() {
	start emu:size=4M -s sock -v && run 0 identify vfio-user:sock && stop TERM 0 &&
		grep -qx 'belfry: a client has come' served.err &&
		grep -qx 'belfry: the client has gone: it has hung up' served.err
}

taken_path() {
	start emu:size=4M -s sock || return 1
	run_complains 1 'another server listens there' serve emu:size=4M -s sock || return 1
	: >plain
	run_complains 1 'is no socket' serve emu:size=4M -s plain || return 1
	[ -f plain ] && run_says BELFRY0001 identify vfio-user:sock && stop TERM 0
}

head -c 1048576 /dev/urandom >data

check 'a file there and back' copies sock
check 'doorbells by message' copies sock --no-mmap
check 'memory by message' copies sock --no-shared-dma
check 'all by message, one socket' copies sock --no-mmap --no-shared-dma --no-twin
check 'two controllers' two_controllers
check 'the mode of the socket' mode_is_0600
check 'what --verbose says' verbose
check 'clients that are killed' killed_clients
check 'a server that is killed' killed_server
check 'a path that is taken' taken_path
check 'no socket' wrong '--socket PATH: 1 and 0 were given' serve emu:
check 'a socket too many' wrong '--socket PATH: 1 and 2 were given' serve emu: -s a -s b
check 'no controller' wrong 'DEV... expected' serve -s a
check 'a real device' run_complains 2 'cannot be served' serve 0000:01:00.0 -s sock
check 'an option of the controller that is none' run_complains 2 frob serve emu:frob=1 -s sock
check 'too short a sleep' wrong 'out of range, 100' serve emu: -s sock --sleep 1us

done_testing
