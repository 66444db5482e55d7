#!/bin/sh
# SPDX-License-Identifier: MIT
# stats: what other processes count, while they run; files that are not what they should be.
# shellcheck disable=SC2317 # check runs the functions
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"

pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null; cd /; rm -rf "$work"' EXIT
dir=$work/belfry

# start ARGUMENT...: a program in the background, which has published when it returns.
start() {
	"$belfry" "$@" >started 2>&1 &
	pid=$!
	tries=0
	until [ -s "$dir/$pid.0" ] && grep -Eq '^(sqs.submitted [1-9]|emu.io_cmds)' "$dir/$pid.0"; do
		tries=$((tries + 1))
		[ "$tries" -gt 200 ] && { cat started; return 1; }
		sleep 0.1
	done
}

stop() {
	kill "-$1" "$pid"
	wait "$pid" 2>/dev/null
	pid=
}

a_load() {
	start perf emu:size=8M --queues 2 --runtime 60s || return 1
	run 0 stats --json && is_json "(lambda p: p['pid'] == $pid and p['name'] == 'emu:size=8M' and
		p['ctrl']['state'] == 'live' and p['ctrl']['resets'] == 0 and
		1 <= p['sqs']['in_use_max'] <= 32 and
		0 < p['sqs']['submitted'] <= p['sq1']['submitted'] + p['sq2']['submitted'] and
		p['cqs']['failed_media'] == 0)(d['programs'][0]) and len(d['programs']) == 1"
}

# By its name, twice: it goes on.
goes_on() {
	"$belfry" stats emu:size=8M --json --interval 700ms --count 2 >out || return 1
	python3 - <<-'END'
		import json
		first, second = open('out', encoding='utf-8').read().split('\n}\n')[:2]
		counts = [json.loads(d + '}')['programs'][0]['sqs']['submitted'] for d in (first, second)]
		assert counts[0] < counts[1], counts
	END
}

rates() {
	run 0 stats "$pid" -i 700ms -c 2 && [ "$(grep -c "process $pid" out)" -eq 2 ] &&
		grep -Eq '^    submitted +[0-9]+ +[0-9.]+ ?[kM]?/s' out
}

sums_and_queues() {
	run 0 stats && says '  sqs' && ! grep -q 'sq1' out && run 0 stats --queues && says '  sq1'
}

ends() {
	stop INT
	[ -z "$(ls "$dir")" ] && run_says 'no program publishes' stats &&
		json 'd == {"programs": []}' stats
}

killed() {
	start perf emu:size=8M --runtime 60s || return 1
	stop KILL
	[ -n "$(ls "$dir")" ] && run_says 'no program publishes' stats && [ -z "$(ls "$dir")" ]
}

# The driver is in the client; the server has what the controller saw.
a_server() {
	start serve emu:size=4M -s sock && run 0 identify vfio-user:sock || return 1
	tries=0
	until run 0 stats "emu:size=4M at sock" --json &&
		is_json 'd["programs"][0]["emu"]["admin_cmds"] > 0' >/dev/null; do
		tries=$((tries + 1))
		[ "$tries" -gt 100 ] && return 1
		sleep 0.1
	done
	stop TERM
	[ -z "$(ls "$dir")" ]
}

# lies TEXT WHY: a file that has this is not believed, and those who look are told.
lies() {
	printf '%b' "$1" >"$dir/1.0"
	run 0 stats && says 'no program publishes' && complains "1.0 cannot be used: $2"
	status=$?
	rm -f "$dir/1.0"
	return "$status"
}

# Ours, so that it would be shown if it were believed.
head="belfry-stats 1\npid $$\nstart $(sed 's/.*) //' /proc/$$/stat | cut -d ' ' -f 20)\nname it\n"

well_formed() {
	printf '%b' "${head}ctrl.state 99\nsq1.submitted 18446744073709551615\nns 1\nend\n" >"$dir/1.0"
	json 'd["programs"][0]["sq1"]["submitted"] == 2**64 - 1 and
	      d["programs"][0]["ctrl"]["state"] == "unknown"' stats
	status=$?
	rm -f "$dir/1.0"
	return "$status"
}

fifo() {
	mkfifo "$dir/1.0" && run 0 stats && complains 'not a file of this user'
	status=$?
	rm -f "$dir/1.0"
	return "$status"
}

link() {
	ln -s /etc/passwd "$dir/1.0" && run 0 stats && complains '1.0 cannot be used'
	status=$?
	rm -f "$dir/1.0"
	return "$status"
}

huge() {
	truncate -s 1G "$dir/1.0" && run 0 stats && complains 'it is too long'
	status=$?
	rm -f "$dir/1.0"
	return "$status"
}

# A directory that others can write to is neither read nor written; the load itself goes on.
open_directory() {
	chmod 0777 "$dir"
	run_complains 1 "not a directory of this user's alone" stats &&
		run 0 perf emu:size=8M --count 100 && [ -z "$(ls "$dir")" ]
	status=$?
	chmod 0700 "$dir"
	return "$status"
}

check 'nobody' run_says 'no program publishes' stats
check 'a load, while it runs' a_load
check '... goes on' goes_on
check '... with rates' rates
check '... sums, or each queue' sums_and_queues
check '... and ends' ends
check 'one that was killed' killed
check 'a server' a_server
check 'what is right is believed' well_formed
check 'another version' lies 'belfry-stats 2\nend\n' 'it is of another version'
check 'nothing but a line' lies 'belfry-stats 1' 'it is of another version'
check 'no process' lies 'belfry-stats 1\npid x\nstart 1\nname it\nns 1\nend\n' 'its first lines'
check 'process 0' lies 'belfry-stats 1\npid 0\nstart 1\nname it\nns 1\nend\n' 'its first lines'
check 'a name that controls a terminal' lies \
	'belfry-stats 1\npid 1\nstart 1\nname \033[2J\nns 1\nend\n' 'its first lines'
check 'a key that does' lies "${head}ctrl.\033[2J 1\nns 1\nend\n" 'a line is no number'
check 'a key that is too long' lies "${head}ctrl.$(printf '%033d' 0 | tr 0 a) 1\nns 1\nend\n" \
	'a line is no number'
check 'a part that is too long' lies "${head}abcdefghijklmnop.a 1\nns 1\nend\n" 'a line is no number'
check 'a number that is too large' lies "${head}ctrl.events 18446744073709551616\nns 1\nend\n" \
	'a line is no number'
check 'a negative one' lies "${head}ctrl.events -1\nns 1\nend\n" 'a line is no number'
check 'no end' lies "${head}ctrl.events 1\nns 1\n" 'it does not end'
check 'more than an end' lies "${head}ctrl.events 1\nns 1\nend\nmore\n" 'it does not end'
check 'a zero' lies "${head}ctrl.events 1\0\nns 1\nend\n" 'it is no text'
check 'a FIFO' fifo
check 'a link' link
check 'a file that is huge' huge
check 'a directory that is open to others' open_directory
check 'who is not there' run_complains 1 "no program publishes statistics of 'emu:'" stats emu:
check 'a count of what is not repeated' wrong '--count without --interval' stats -c 3

done_testing
