#!/bin/sh
# SPDX-License-Identifier: MIT
# demo: files of odd sizes; what cannot be read is said.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"

t="--runtime 100ms"
head -c 1 /dev/urandom >one
head -c 511 /dev/urandom >almost
head -c 1000001 /dev/urandom >odd
head -c 70000000 /dev/urandom >large
: >empty
mkfifo pipe
mkdir dir
cp one locked
chmod 0 locked

# shellcheck disable=SC2086 # $t is two words
{
	check "the image" json 'd["equal"] and d["bytes"] == 64 << 20 and d["source"] == "generated"' demo $t
	check "it is said that all bytes are equal" run_says "all 67108864 bytes are equal" demo $t
	for file in one almost odd; do
		check "a file: $file" json "d['equal'] and d['bytes'] == $(wc -c <$file)" demo $file $t
	done
	check "one command is one" run_says "1 command of up to" demo one $t
	check "a file larger than the usual namespace" json \
		'd["equal"] and d["blocks"] * d["block_size"] >= 70000000' demo large $t
	check "an empty file" json 'd["equal"] and d["write"]["commands"] == 0' demo empty $t
	check "a file whose name has a comma" sh -c "cp odd 'a,b=c' && '$belfry' demo 'a,b=c' $t"
	check "a load after it" json 'd["load"]["all"]["commands"] > 0' demo one $t
	check "a directory" run_complains 1 "dir: is a directory" demo dir
	check "a file that is not there" run_complains 1 "No such file" demo none
	check "a pipe" run_complains 1 "not a regular file" demo pipe
	check "a device" run_complains 1 "not a regular file" demo /dev/zero
	if [ "$(id -u)" -ne 0 ]; then
		check "a file that may not be read" run_complains 1 "Permission denied" demo locked
	fi
	check "two files" wrong "one argument too many" demo one odd
	check "output that is full" sh -c "! '$belfry' demo one $t >/dev/full 2>err && grep -q 'No space' err"
	check "an interrupt ends it" sh -c "
		'$belfry' demo one --runtime 60s >/dev/null & pid=\$!
		sleep 1; kill -INT \$pid; wait \$pid; [ \$? -eq 130 ]"
}

done_testing
