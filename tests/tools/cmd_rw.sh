#!/bin/sh
# SPDX-License-Identifier: MIT
# read and write: what was written to a file-backed namespace comes back, from another process.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"

dev=emu:file=disk.img,size=16M
head -c 5000704 /dev/urandom >whole # 9767 blocks, no multiple of a command's size
head -c 1000 whole >odd
: >empty

# round SLBA ARGUMENT...: write "whole", read it back, compare.
# shellcheck disable=SC2317 # check runs it
round() {
	slba=$1
	shift
	run 0 write "$@" --slba "$slba" --input whole &&
		run 0 read "$@" --slba "$slba" --size 5000704 --output back && cmp whole back
}

check "a file comes back" round 0 $dev
check "from elsewhere too" round 3001 $dev
check "with PRPs, small commands" round 7 $dev,sgl=off,mdts=1
check "with a queue too small for all commands" round 7 $dev,mqes=64
check "with shadow doorbells" round 1 $dev,dbbuf=on
check "with metadata apart" round 5 emu:file=meta.img,size=16M,ms=16
check "in blocks of 4 KiB" sh -c "head -c 4096000 whole >kib &&
	'$belfry' write emu:file=kib.img,size=16M,lbads=12 -i kib -s 3 &&
	'$belfry' read emu:file=kib.img,size=16M,lbads=12 -s 3 -c 1000 -o back && cmp kib back"
check "from a pipe" sh -c "cat whole | '$belfry' write $dev --slba 40 &&
	'$belfry' read $dev --slba 40 --blocks 9767 | cmp whole -"
check "the second namespace is another" sh -c "
	'$belfry' write emu:file=two.img,size=8M,ns=2 --nsid 2 -i whole &&
	'$belfry' read emu:file=two.img,size=8M,ns=2 --nsid 2 -c 9767 | cmp whole - &&
	'$belfry' read emu:file=two.img,size=8M,ns=2 --nsid 1 -c 9767 | tr -d '\\0' | cmp - empty"
check "--blocks takes a part of a file" sh -c "
	'$belfry' write $dev --slba 9 --blocks 3 -i whole && '$belfry' read $dev --slba 9 --blocks 3 >back &&
	head -c 1536 whole | cmp - back"
check "--fua" run 0 write $dev --fua --input whole
check "write --json" json 'd["blocks"] == 9767 and d["bytes"] == 5000704 and d["slba"] == 4' \
	write $dev --slba 4 --input whole
check "read --json" json 'd["blocks"] == 10 and d["block_size"] == 512' \
	read $dev --blocks 10 --output back
check "read --hex" run_says "00000200 " read $dev --slba 1 --blocks 1 --hex
check "nothing to write" run 0 write $dev --input empty
check "all of the namespace" sh -c "'$belfry' read $dev --size 16M | wc -c | grep -qx 16777216"

check "a part of a block needs --pad" run_complains 1 "no multiple of the block" \
	write $dev --input odd
check "... also from a pipe" sh -c "! '$belfry' write $dev --slba 2 <odd 2>err && grep -q -e --pad err"
check "--pad fills up with zeros" sh -c "
	'$belfry' write $dev --slba 20 --pad <odd && '$belfry' read $dev --slba 20 --blocks 2 >back &&
	head -c 1000 back | cmp - odd && tail -c 24 back | tr -d '\\0' | cmp - empty"

# untouched COMMAND...: it does what it should, and the disk is as it was.
# shellcheck disable=SC2317 # check runs it
untouched() {
	before=$(cksum disk.img)
	"$@" && [ "$(cksum disk.img)" = "$before" ]
}

check "too long a file is not begun" untouched run_complains 1 "do not fit" \
	write $dev --slba 30000 --input whole
check "too short a file is not begun" untouched run_complains 1 "less than" \
	write $dev --blocks 3 --input odd
check "a directory" untouched run_complains 1 "Is a directory" write $dev --input .
check "a file that is not there" untouched run_complains 1 "No such file" write $dev --input none
# The fourth Identify is that of the namespace; bit 0 is turned over of a byte of NSZE, of NLBAF (there
# are formats 0 to 7), and of LBADS of format 0, which is 9.
lie() {
	echo "emu:$1fault=act=corrupt:op=6:nth=4:arg=$2"
}
check "a namespace of 2^65 bytes" run_complains 1 "72057594040025088 blocks make no sense" \
	read "$(lie '' 7)" --output back
check "a format that there is not" run_complains 1 "format 7 makes no sense, there are 7" \
	read "$(lie lbads=12,ms=64, 25)" --output back
check "blocks of 256 bytes" run_complains 1 "blocks of 2 ^ 8 bytes make no sense" \
	read "$(lie '' 130)" --output back
check "a range beyond the end" untouched wrong "has 32768 blocks, and not 2 from 32767 on" \
	write $dev --slba 32767 --blocks 2 --input whole
check "too much from a pipe" sh -c "! cat whole | '$belfry' write $dev --slba 32767 2>err &&
	grep -q 'more data than' err"
check "too little from a pipe" sh -c "! head -c 1024 whole | '$belfry' write $dev -c 3 2>err &&
	grep -q 'ended after' err"
check "output that is full" sh -c "! '$belfry' read $dev -c 1000 >/dev/full 2>err && grep -q 'No space' err"
check "output that nobody reads" sh -c "
	{ '$belfry' read $dev --size 16M 2>err; echo \$? >status; } | head -c 1 >first
	grep -qx 1 status && grep -q 'Broken pipe' err"

check "the device refuses a read" run_complains 1 "Read, blocks 1024 to 1535: READ_ERROR" \
	read emu:fault=act=status:arg=0x281:sq=1:op=2:nth=3 --size 4M --output back
check "the device refuses a flush" run_complains 1 "Flush: WRITE_FAULT" \
	write emu:fault=act=status:arg=0x280:sq=1:op=0 --input whole
check "a command that is lost" run_complains 1 "did not complete within 300 ms" \
	read emu:fault=act=drop:sq=1:op=2:nth=3 --size 4M --output back --timeout 300ms
check "the device refuses one block" run_complains 1 "Write, block 7: WRITE_FAULT" \
	write emu:fault=act=status:arg=0x280:sq=1:op=1 --slba 7 --blocks 1 --input whole
check "a device that is gone" run_complains 1 "the controller is gone" \
	read emu:fault=act=gone:sq=1:op=2:nth=3 --size 4M --output back --timeout 10s
# hung COMMAND...: it is interrupted while it waits for what will not come.
# shellcheck disable=SC2317 # check runs it
hung() {
	"$belfry" "$@" >out 2>err &
	pid=$!
	sleep 1
	kill -INT "$pid"
	wait "$pid"
	[ $? -eq 130 ] && complains "interrupted, with commands that did not complete"
}

check "an interrupt ends the wait for a controller that hangs" \
	hung read emu:fault=act=hang:sq=1:op=2:nth=3 --size 4M --output back
check "... of a write, which is not flushed" hung write emu:fault=act=hang:sq=1:op=1:nth=3 --input whole
check "an interrupt ends it" sh -c "
	'$belfry' read emu:size=1T --size 1T --output /dev/null & pid=\$!
	sleep 0.5; kill -INT \$pid; wait \$pid; [ \$? -eq 130 ]"

done_testing
