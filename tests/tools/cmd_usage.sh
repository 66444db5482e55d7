#!/bin/sh
# SPDX-License-Identifier: MIT
# Wrong arguments: status 2, one line that says what is wrong and what is expected, nothing else.
# And the help, which must know every command.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"

# Rows: what the line must say | arguments
while IFS='|' read -r text arguments; do
	case $text in '' | '#'*) continue ;; esac
	# shellcheck disable=SC2086 # they are several words
	check "belfry $arguments" wrong "$text" $arguments
done <<'END'
'belfry help' lists them|
'frob' is no command|frob
unknown option --frob|perf emu: --frob
unknown option -Z|perf emu: -Z
written in full: --timeout|perf emu: --time 1s
written in full: --timeout|perf emu: --time=1s
written in full: --json|perf --js emu:
DEV expected|perf
DEV expected|identify --list
DEV PAGE expected|log emu:
'extra' is one argument too many|identify emu: extra
--bs: SIZE is missing|perf emu: --bs
--json takes no value|perf emu: --json=1
'4Q' is not a size, as 4K, 1M or 2G|perf emu: --bs 4Q
'-1' is not a number|perf emu: --qd -1
'' is not a number|perf emu: --qd=
'0x' is not a number|perf emu: --qd 0x
'99999999999999999999' is not a number|perf emu: --seed 99999999999999999999
'17000000T' is not a size|perf emu: --size 17000000T
'5d' is not a time, as 500ms, 5s or 2m|perf emu: --runtime 5d
out of range, 1 to 65535|perf emu: --qd 0
out of range, 1 to 65535|perf emu: --qd 65536
out of range, 512 B to 1 GiB|perf emu: --bs 1
out of range, 0 to 100|perf emu: --reads 101
'frob' is not one of read, write, randread, randwrite, mix|perf emu: --pattern frob
not a multiple of the block|perf emu: --bs 1000
8 KiB at most (MDTS)|perf emu:mdts=1 --bs 16K
63 at most (CAP.MQES)|perf emu:mqes=64 --qd 64
3 I/O queues wanted, the controller grants 2|perf emu:queues=2 --queues 3
no room for 1 queue with 32 x|perf emu: --region 64K --verify --qd 32
no room for 2 queues with 4 KiB each|perf emu: --region 4K --queues 2
--region 2 GiB: namespace 1 has 1 GiB|perf emu: --region 2G
--reads is for --pattern mix|perf emu: --reads 50
--count and --size: give one of them|perf emu: --count 1 --size 1M
less than one command moves|perf emu: --size 512
is of no known form|identify frob
'emu:' is no PCI address|doctor emu:
unknown option 'frob'|serve emu:frob=1 --socket s
is of no known form|identify /dev/nvme0
unknown option 'frob'|identify emu:frob=1
'x' is not a number|identify emu:size=x
--list and --nsid|identify emu: --list --nsid 1
out of range|identify emu: --nsid 0
--blocks and --size|read emu: --blocks 1 --size 512
namespace 1 has 2097152 blocks|read emu: --slba 2097152
and not 2 from 2097151 on|read emu: --slba 2097151 --blocks 2
not a multiple of the block|read emu: --size 1000
--output FILE|read emu: --json
--hex is for standard output|read emu: --hex --output file
--input: FILE must not be empty|write emu: --input=
'frob' is no page|log emu: frob
'256' is no page|log emu: 256
for pages given by number|log emu: smart --len 8
multiples of 4|log emu: 2 --len 6
--raw and --json|log emu: smart --raw --json
'frob' is no feature|features emu: frob
'0' is no feature|features emu: 0
a number of 32 bits expected|features emu: vwc=frob
a number of 32 bits expected|features emu: vwc=0x100000000
cannot be set|features emu: host-behavior=1
16 or 32 hexadecimal digits expected|features emu: host-id=123
milliseconds since 1970 expected|features emu: timestamp=frob
'frob' is not one of current, default, saved, supported|features emu: --select frob
'/b' is one argument too many|demo /a /b
END

check "a name is said once" run_complains 1 "cannot open 'emu:file=/frob/x': No such file" \
	identify emu:file=/frob/x
check "an argument of two lines" wrong "'1?2' is not a number" perf emu: --qd "$(printf '1\n2')"
check "an argument that terminals obey" wrong "'?[31m' is no command" "$(printf '\033[31m')"
check "an empty argument" wrong "an argument is empty" identify ""
check "nothing was created" test ! -e file

check "--version" run_says "belfry " --version
check "help" run_says "usage: belfry COMMAND" help
check "help lists the kinds of DEV" run_says "vfio-user:/path" help
for command in demo identify read write log features regs perf serve stats list bind unbind doctor; do
	check "help lists $command" run_says "  $command " help
	check "$command --help has examples" run_says "Examples:" $command --help
	check "help $command is the same" sh -c "'$belfry' help $command | cmp - out"
	check "$command --help fits into 90 columns" sh -c "! grep -q '.\{91\}' out"
done
check "help of no command" wrong "'frob' is no command" help frob
check "help into a full disk" sh -c "! '$belfry' help >/dev/full 2>err && grep -q 'No space' err"

# What the help teaches by example runs, as far as it is about the embedded controller.
"$belfry" perf --help >out
sed -n 's/^  \(belfry .* emu:[^|]*\).*/\1/p' out >examples
check "there are examples" test -s examples
while read -r _ arguments; do
	# shellcheck disable=SC2086
	check "example: $arguments" run 0 $arguments --runtime 100ms
done <examples

done_testing
